//! Names of values in a client's core data.

use serde::{Serialize, Serializer};

/// Of the protocol's version (MS-RDPBCGR 2.2.1.3.2).
#[must_use]
pub fn version(number: u32) -> &'static str {
    match number {
        0x0008_0001 => "v4",
        0x0008_0004 => "v5",
        0x0008_0005 => "v10.0",
        0x0008_0006 => "v10.1",
        0x0008_0007 => "v10.2",
        0x0008_0008 => "v10.3",
        0x0008_0009 => "v10.4",
        0x0008_000a => "v10.5",
        0x0008_000b => "v10.6",
        0x0008_000c => "v10.7",
        _ => "unknown",
    }
}

/// Of a kind of keyboard.
#[must_use]
pub fn keyboard(number: u32) -> Option<&'static str> {
    let names = ["xt", "ico", "at", "enhanced", "1050", "9140", "jp"];
    names.get((number as usize).checked_sub(1)?).copied()
}

/// Of what a client can do (`earlyCapabilityFlags`).
pub fn capabilities(flags: u16) -> impl Iterator<Item = &'static str> {
    const NAMES: [(u16, &str); 10] = [
        (0x0001, "support_errinfo_pdf"),
        (0x0002, "want_32bpp_session"),
        (0x0004, "support_statusinfo_pdu"),
        (0x0008, "strong_asymmetric_keys"),
        (0x0020, "valid_connection_type"),
        (0x0040, "support_monitor_layout_pdu"),
        (0x0080, "support_netchar_autodetect"),
        (0x0100, "support_dynvc_gfx_protocol"),
        (0x0200, "support_dynamic_time_zone"),
        (0x0400, "support_heartbeat_pdu"),
    ];
    NAMES.into_iter().filter(move |(flag, _)| flags & flag != 0).map(|(_, name)| name)
}

/// Microsoft's builds of its systems, whose own client says them.
const BUILDS: [(u32, &str); 29] = [
    (2195, "Windows 2000"),
    (2600, "Windows XP"),
    (3790, "Windows Server 2003"),
    (6000, "Windows Vista"),
    (6001, "Windows Vista SP1"),
    (6002, "Windows Vista SP2"),
    (7600, "Windows 7"),
    (7601, "Windows 7 SP1"),
    (9200, "Windows 8"),
    (9600, "Windows 8.1"),
    (10240, "Windows 10 1507"),
    (10586, "Windows 10 1511"),
    (14393, "Windows 10 1607"),
    (15063, "Windows 10 1703"),
    (16299, "Windows 10 1709"),
    (17134, "Windows 10 1803"),
    (17763, "Windows 10 1809"),
    (18362, "Windows 10 1903"),
    (18363, "Windows 10 1909"),
    (19041, "Windows 10 2004"),
    (19042, "Windows 10 20H2"),
    (19043, "Windows 10 21H1"),
    (19044, "Windows 10 21H2"),
    (19045, "Windows 10 22H2"),
    (20348, "Windows Server 2022"),
    (22000, "Windows 11 21H2"),
    (22621, "Windows 11 22H2"),
    (22631, "Windows 11 23H2"),
    (26100, "Windows 11 24H2"),
];

/// The build of a client: the system's name where it is known, else the number.
#[derive(Clone, Copy, Debug)]
pub struct Build(pub u32);

impl Serialize for Build {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match BUILDS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => serializer.serialize_str(name),
            None => serializer.collect_str(&self.0),
        }
    }
}

/// Languages by their identifiers (MS-LCID).
#[rustfmt::skip]
const LANGUAGES: [(u16, &str); 165] = [
    (0x0401, "ar-SA"), (0x0402, "bg-BG"), (0x0403, "ca-ES"), (0x0404, "zh-TW"), (0x0405, "cs-CZ"), (0x0406, "da-DK"),
    (0x0407, "de-DE"), (0x0408, "el-GR"), (0x0409, "en-US"), (0x040a, "es-ES"), (0x040b, "fi-FI"), (0x040c, "fr-FR"),
    (0x040d, "he-IL"), (0x040e, "hu-HU"), (0x040f, "is-IS"), (0x0410, "it-IT"), (0x0411, "ja-JP"), (0x0412, "ko-KR"),
    (0x0413, "nl-NL"), (0x0414, "nb-NO"), (0x0415, "pl-PL"), (0x0416, "pt-BR"), (0x0417, "rm-CH"), (0x0418, "ro-RO"),
    (0x0419, "ru-RU"), (0x041a, "hr-HR"), (0x041b, "sk-SK"), (0x041c, "sq-AL"), (0x041d, "sv-SE"), (0x041e, "th-TH"),
    (0x041f, "tr-TR"), (0x0420, "ur-PK"), (0x0421, "id-ID"), (0x0422, "uk-UA"), (0x0423, "be-BY"), (0x0424, "sl-SI"),
    (0x0425, "et-EE"), (0x0426, "lv-LV"), (0x0427, "lt-LT"), (0x0428, "tg-Cyrl-TJ"), (0x0429, "fa-IR"),
    (0x042a, "vi-VN"), (0x042b, "hy-AM"), (0x042c, "az-Latn-AZ"), (0x042d, "eu-ES"), (0x042e, "hsb-DE"),
    (0x042f, "mk-MK"), (0x0432, "tn-ZA"), (0x0434, "xh-ZA"), (0x0435, "zu-ZA"), (0x0436, "af-ZA"), (0x0437, "ka-GE"),
    (0x0438, "fo-FO"), (0x0439, "hi-IN"), (0x043a, "mt-MT"), (0x043b, "se-NO"), (0x043e, "ms-MY"), (0x043f, "kk-KZ"),
    (0x0440, "ky-KG"), (0x0441, "sw-KE"), (0x0442, "tk-TM"), (0x0443, "uz-Latn-UZ"), (0x0444, "tt-RU"),
    (0x0445, "bn-IN"), (0x0446, "pa-IN"), (0x0447, "gu-IN"), (0x0448, "or-IN"), (0x0449, "ta-IN"), (0x044a, "te-IN"),
    (0x044b, "kn-IN"), (0x044c, "ml-IN"), (0x044d, "as-IN"), (0x044e, "mr-IN"), (0x044f, "sa-IN"), (0x0450, "mn-MN"),
    (0x0451, "bo-CN"), (0x0452, "cy-GB"), (0x0453, "km-KH"), (0x0454, "lo-LA"), (0x0456, "gl-ES"), (0x045b, "si-LK"),
    (0x045e, "am-ET"), (0x0461, "ne-NP"), (0x0462, "fy-NL"), (0x0463, "ps-AF"), (0x0464, "fil-PH"), (0x0465, "dv-MV"),
    (0x046e, "lb-LU"), (0x0470, "ig-NG"), (0x0480, "ug-CN"), (0x0481, "mi-NZ"), (0x0801, "ar-IQ"), (0x0804, "zh-CN"),
    (0x0807, "de-CH"), (0x0809, "en-GB"), (0x080a, "es-MX"), (0x080c, "fr-BE"), (0x0810, "it-CH"), (0x0813, "nl-BE"),
    (0x0814, "nn-NO"), (0x0816, "pt-PT"), (0x081a, "sr-Latn-CS"), (0x081d, "sv-FI"), (0x082c, "az-Cyrl-AZ"),
    (0x083c, "ga-IE"), (0x0843, "uz-Cyrl-UZ"), (0x0845, "bn-BD"), (0x0c01, "ar-EG"), (0x0c04, "zh-HK"),
    (0x0c07, "de-AT"), (0x0c09, "en-AU"), (0x0c0a, "es-ES"), (0x0c0c, "fr-CA"), (0x0c1a, "sr-Cyrl-CS"),
    (0x1001, "ar-LY"), (0x1004, "zh-SG"), (0x1007, "de-LU"), (0x1009, "en-CA"), (0x100a, "es-GT"), (0x100c, "fr-CH"),
    (0x1401, "ar-DZ"), (0x1404, "zh-MO"), (0x1407, "de-LI"), (0x1409, "en-NZ"), (0x140a, "es-CR"), (0x140c, "fr-LU"),
    (0x1801, "ar-MA"), (0x1809, "en-IE"), (0x180a, "es-PA"), (0x180c, "fr-MC"), (0x1c01, "ar-TN"), (0x1c09, "en-ZA"),
    (0x1c0a, "es-DO"), (0x2001, "ar-OM"), (0x2009, "en-JM"), (0x200a, "es-VE"), (0x2401, "ar-YE"), (0x2409, "en-029"),
    (0x240a, "es-CO"), (0x2801, "ar-SY"), (0x2809, "en-BZ"), (0x280a, "es-PE"), (0x2c01, "ar-JO"), (0x2c09, "en-TT"),
    (0x2c0a, "es-AR"), (0x3001, "ar-LB"), (0x3009, "en-ZW"), (0x300a, "es-EC"), (0x3401, "ar-KW"), (0x3409, "en-PH"),
    (0x340a, "es-CL"), (0x3801, "ar-AE"), (0x380a, "es-UY"), (0x3c01, "ar-BH"), (0x3c0a, "es-PY"), (0x4001, "ar-QA"),
    (0x4009, "en-IN"), (0x400a, "es-BO"), (0x4409, "en-MY"), (0x440a, "es-SV"), (0x4809, "en-SG"), (0x480a, "es-HN"),
    (0x4c0a, "es-NI"), (0x500a, "es-PR"), (0x540a, "es-US"),
];

/// A layout of keyboards: its language where it is known, else the number.
#[derive(Clone, Copy, Debug)]
pub struct Layout(pub u32);

impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let language = LANGUAGES.iter().find(|(id, _)| u32::from(*id) == self.0 & 0xffff);
        match language {
            Some((_, name)) => serializer.serialize_str(name),
            None => serializer.collect_str(&format_args!("{:#010x}", self.0)),
        }
    }
}
