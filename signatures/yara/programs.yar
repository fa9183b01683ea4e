// Programs that hide what they are while they are brought in or copied on.
//
// Sids are made from the rules' names: `sekisho pcap` prints them beside each alert.

private rule is_pe
{
    condition:
        uint16(0) == 0x5a4d and uint32(0x3c) < filesize and uint32(uint32(0x3c)) == 0x00004550
}

// A loader that turns names around and looks them up as it runs keeps them out of its import table, and from those who search for
// them. A program has no other use for three of these backwards.
rule Program_With_Reversed_Imports : loader
{
    meta:
        description = "A program that holds names of system calls backwards"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-smb-copy"
    strings:
        $a = "yrarbiLdaoL"
        $b = "sserddAcorPteG"
        $c = "collAlautriV"
        $d = "tcetorPlautriV"
        $e = "yromeMssecorPetirW"
        $f = "daerhTetomeRetaerC"
        $g = "daerhTresUetaerCltR"
    condition:
        is_pe and 3 of them
}

// What ends in the name of a document or a picture is one, or it is meant to deceive.
rule Program_Named_As_Document : masquerade
{
    meta:
        description = "A program whose name is that of a document or a picture"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-smb-copy"
    condition:
        is_pe and extension matches /^\.(pdf|docx?|xlsx?|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34])$/i
}

// Pictures are a usual place for the next stage. That a program lies behind a picture's header is seen by its own two headers, so
// that two bytes by chance do not match.
rule Program_Behind_Picture : staged
{
    meta:
        description = "A picture with a program in it"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-smb-copy"
    strings:
        $mz = "MZ"
    condition:
        (uint32be(0) == 0x89504e47 or uint32be(0) == 0x47494638 or uint16be(0) == 0xffd8) and
        for any i in (1..#mz) : (
            uint32(@mz[i] + 0x3c) < 0x1000 and uint32(@mz[i] + uint32(@mz[i] + 0x3c)) == 0x00004550
        )
}

// The words of every program's first page, turned around or with one byte laid over each: the next stage, as its loader fetches it.
rule Program_Under_Xor_Or_Reversed : staged
{
    meta:
        description = "A program, its bytes reversed or under a key of one byte"
        severity = "high"
        category = "Malware in a file transfer"
        case = "yara-smb-copy"
    strings:
        $xor = "This program cannot be run in DOS mode" xor(0x01-0xff)
        $reversed = "edom SOD ni nur eb tonnac margorp sihT"
    condition:
        any of them
}

// What a dump of the process that knows the passwords looks like when it is copied to where it is taken apart.
rule Memory_Of_Lsass : credentials
{
    meta:
        description = "A memory dump of the process that holds the passwords"
        severity = "critical"
        category = "Credentials in a file transfer"
        case = "yara-smb-copy"
    strings:
        $name = "lsass.exe" wide nocase
        $library = "lsasrv.dll" wide nocase
    condition:
        uint32be(0) == 0x4d444d50 and all of them
}

// The part of the registry with the hashes of passwords, saved and on its way. A hive's first page names the file that it came from.
rule Registry_Hive_With_Passwords : credentials
{
    meta:
        description = "A copy of the registry's SAM or SECURITY hive"
        severity = "critical"
        category = "Credentials in a file transfer"
        case = "yara-smb-copy"
    strings:
        $sam = "\\Config\\SAM" wide nocase
        $security = "\\Config\\SECURITY" wide nocase
    condition:
        uint32be(0) == 0x72656766 and ($sam in (0x30..0x80) or $security in (0x30..0x80))
}
