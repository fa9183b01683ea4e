//! X.509 certificates for the servers of the generated TLS 1.2: whole and well formed, with keys and signatures of random
//! bytes, which nobody on the wire can check. The bytes depend on the seed alone.

use fastrand::Rng;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};

/// An RSA key of 2,048 bits that signs with random bytes.
struct Key {
    /// RSAPublicKey (RFC 8017, appendix A.1.1).
    public: Vec<u8>,
    signature: Vec<u8>,
}

impl Key {
    fn new(rng: &mut Rng) -> Self {
        let mut public = vec![0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
        // The modulus has its first and its last bit set.
        public.extend(random(rng, 256, 0x80));
        public.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
        if let Some(last) = public.get_mut(264) {
            *last |= 1;
        }
        Self { public, signature: random(rng, 256, 0) }
    }
}

fn random(rng: &mut Rng, len: usize, first_bits: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first |= first_bits;
    }
    bytes
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.signature.clone())
    }
}

fn parameters(rng: &mut Rng, names: Vec<String>, common: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut of = CertificateParams::new(names)?;
    of.distinguished_name = DistinguishedName::new();
    of.distinguished_name.push(DnType::CommonName, common);
    of.serial_number = Some(SerialNumber::from_slice(&random(rng, 16, 0x40)));
    of.key_identifier_method = KeyIdMethod::PreSpecified(random(rng, 20, 0));
    of.not_before = date_time_ymd(2025, 1 + rng.u8(..12), 1 + rng.u8(..28));
    of.not_after = date_time_ymd(2027, 1 + rng.u8(..12), 1 + rng.u8(..28));
    of.use_authority_key_identifier_extension = true;
    Ok(of)
}

/// A server's certificate and that of its authority, DER.
fn chain(rng: &mut Rng, domain: &str) -> Result<[Vec<u8>; 2], rcgen::Error> {
    let (root, authority, server) = (Key::new(rng), Key::new(rng), Key::new(rng));
    let root_name = parameters(rng, Vec::new(), "Checkpoint Root X1")?;
    let mut middle = parameters(rng, Vec::new(), "Checkpoint Server CA 2")?;
    middle.distinguished_name.push(DnType::OrganizationName, "Checkpoint Trust Services");
    middle.distinguished_name.push(DnType::CountryName, "JP");
    middle.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let middle_der = middle.signed_by(&authority, &Issuer::new(root_name, root))?.der().to_vec();
    let mut leaf = parameters(rng, vec![domain.to_owned(), format!("www.{domain}")], domain)?;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf_der = leaf.signed_by(&server, &Issuer::new(middle, authority))?.der().to_vec();
    Ok([leaf_der, middle_der])
}

/// Appends a length of three bytes.
fn length(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u32).to_be_bytes()[1..]);
}

/// Body of a TLS 1.2 Certificate message (RFC 5246, section 7.4.2) for a domain.
///
/// # Errors
/// The domain is none that a certificate can name.
pub fn list(rng: &mut Rng, domain: &str) -> Result<Vec<u8>, rcgen::Error> {
    let chain = chain(rng, domain)?;
    let mut out = Vec::new();
    length(&mut out, chain.iter().map(|der| der.len() + 3).sum());
    for der in chain {
        length(&mut out, der.len());
        out.extend_from_slice(&der);
    }
    Ok(out)
}
