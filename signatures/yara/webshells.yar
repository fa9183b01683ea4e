// Pages that hand a visitor's words to the system, as they are put on a web server.

// The shortest web shells: what comes with the request is run as it is.
rule Web_Shell_Runs_Request : webshell
{
    meta:
        description = "A page in PHP, ASP or JSP that runs what comes with the request"
        severity = "critical"
        category = "Malware in a file transfer"
        case = "yara-web"
    strings:
        $php = /<\?(php|=)?[^>]{0,400}\b(eval|assert|system|shell_exec|passthru|popen)\s*\(\s*@?(base64_decode\s*\(\s*|gzinflate\s*\(\s*|str_rot13\s*\(\s*){0,3}\$_(POST|GET|REQUEST|COOKIE)\s*\[/ nocase
        $asp = /<%[^>]{0,200}\b(eval|execute|executeglobal)\s*\(?\s*request\s*[\(\[.]/ nocase
        $jsp = /getRuntime\s*\(\s*\)\s*\.\s*exec\s*\(\s*request\s*\.\s*getParameter/ nocase
    condition:
        filesize < 1MB and any of them
}
