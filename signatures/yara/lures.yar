// What a victim is sent to open: shortcuts, pages and archives that start something.

private rule is_shortcut
{
    condition:
        uint32be(0) == 0x4c000000 and uint32be(4) == 0x01140200
}

// An administrator's shortcut may start PowerShell; it has no use for a command in base64.
rule Shortcut_With_Encoded_PowerShell : lure
{
    meta:
        description = "A shortcut that starts PowerShell with an encoded command"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-mail"
    strings:
        $shell = "powershell" ascii wide nocase
        $encoded = /\s-e(n?c?|nco?d?e?d?c?o?m?m?a?n?d?)\s+[a-z0-9+\/=]{32}/ ascii wide nocase
    condition:
        is_shortcut and all of them
}

// A shortcut to a program that runs scripts from elsewhere.
rule Shortcut_With_Script_Host : lure
{
    meta:
        description = "A shortcut that has a script run from an address or a string"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-mail"
    strings:
        $mshta = /mshta(\.exe)?["']?\s+["']?(https?:|javascript:|vbscript:|\\\\)/ ascii wide nocase
        $rundll = /rundll32(\.exe)?\s+javascript:/ ascii wide nocase
        $regsvr = /regsvr32(\.exe)?\s[^\x00]{0,60}\/i:https?:/ ascii wide nocase
    condition:
        is_shortcut and any of them
}

// A page that is run as a program, writes a file and starts it.
rule Page_That_Drops_A_Program : dropper
{
    meta:
        description = "An HTML application or script file that fetches or decodes a file, writes it and runs it"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-mail"
    strings:
        $object = /(ActiveXObject|CreateObject)\s*\(/ nocase
        $shell = /(WScript\.Shell|Shell\.Application)/ nocase
        $get1 = /XMLHTTP/ nocase
        $get2 = /bin\.base64/ nocase
        $get3 = /WinHttp\.WinHttpRequest/ nocase
        $write1 = /ADODB\.Stream/ nocase
        $write2 = /SaveToFile/ nocase
        $write3 = /CreateTextFile/ nocase
    condition:
        filesize < 2MB and uint16(0) != 0x5a4d and $object and $shell and any of ($get*) and any of ($write*)
}

// `report.pdf.exe`, also with blanks between: only the last counts, and only the first is seen.
rule Archive_With_Double_Extension : lure
{
    meta:
        description = "A zip archive with a program that is named as a document"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-mail"
    strings:
        $entry = /PK\x03\x04[\x00-\xff]{26}[^\x00-\x1f]{1,120}\.(pdf|docx?|xlsx?|pptx?|txt|jpe?g|png)[ _]{0,100}\.(exe|scr|com|pif|cpl|jse?|vb[se]|wsf|hta|lnk|bat|cmd)/ nocase
    condition:
        uint32be(0) == 0x504b0304 and $entry
}

// A disc image is opened by a double click, and what lies in it does not carry the mark of having come from the network.
rule Disc_Image_With_Shortcut : lure
{
    meta:
        description = "A disc image with a shortcut in it"
        severity = "medium"
        category = "Malware in a file transfer"
        case = "yara-mail"
    strings:
        $shortcut = { 4c 00 00 00 01 14 02 00 00 00 00 00 c0 00 00 00 00 00 00 46 }
    condition:
        uint32be(0x8001) == 0x43443030 and $shortcut
}
