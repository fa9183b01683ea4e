//! Attributes of associations: what both versions negotiate, under the names that rules and EVE have for it.

use super::names;

/// What an attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Encryption,
    Hash,
    Prf,
    /// Version 1's authentication method.
    Authentication,
    /// Version 2's integrity check.
    Integrity,
    Group,
    GroupType,
    LifeType,
    LifeDuration,
    KeyLength,
    FieldSize,
}

impl Kind {
    /// As rules and EVE call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Encryption => "alg_enc",
            Self::Hash => "alg_hash",
            Self::Prf => "alg_prf",
            Self::Authentication | Self::Integrity => "alg_auth",
            Self::Group => "alg_dh",
            Self::GroupType => "sa_group_type",
            Self::LifeType => "sa_life_type",
            Self::LifeDuration => "sa_life_duration",
            Self::KeyLength => "sa_key_length",
            Self::FieldSize => "sa_field_size",
        }
    }

    /// Of version 1, by number (RFC 2409, appendix A).
    #[must_use]
    pub fn of_version_1(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Encryption,
            2 => Self::Hash,
            3 => Self::Authentication,
            4 => Self::Group,
            5 => Self::GroupType,
            11 => Self::LifeType,
            12 => Self::LifeDuration,
            13 => Self::Prf,
            14 => Self::KeyLength,
            15 => Self::FieldSize,
            _ => return None,
        })
    }

    /// Of version 2, by the transform's type (RFC 7296, 3.3.2).
    #[must_use]
    pub fn of_version_2(transform: u8) -> Option<Self> {
        Some(match transform {
            1 => Self::Encryption,
            2 => Self::Prf,
            3 => Self::Integrity,
            4 => Self::Group,
            _ => return None,
        })
    }

    /// Whether the published schema of EVE has a place for it.
    #[must_use]
    pub fn is_logged(self) -> bool {
        !matches!(self, Self::Prf | Self::GroupType | Self::FieldSize)
    }
}

/// An attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Of which version: 1 or 2.
    pub version: u8,
    /// What it says.
    pub kind: Kind,
    /// The value.
    pub value: u32,
}

impl Attribute {
    /// The name that EVE has for its value.
    #[must_use]
    pub fn value_name(self) -> &'static str {
        let names: &[(u32, &'static str)] = match (self.version, self.kind) {
            (1, Kind::Encryption) => names::ENCRYPTION_1,
            (1, Kind::Hash) => names::HASH_1,
            (1, Kind::Authentication) => names::AUTHENTICATION_1,
            (1, Kind::Group) => names::GROUP_1,
            (1, Kind::LifeType) => names::LIFE_TYPE_1,
            (2, Kind::Encryption) => names::ENCRYPTION_2,
            (2, Kind::Integrity) => names::INTEGRITY_2,
            (2, Kind::Group) => names::GROUP_2,
            _ => &[],
        };
        names::of(names, self.value).unwrap_or("Unknown")
    }
}
