//! Multi-pattern search: sets of byte literals, compiled once, scanned in block or in streaming mode.
//!
//! The only file of detection with `unsafe`: the safe crate compiles literals from `str` alone, and ours are any bytes.
//! Everything else goes through the crate. Promises: a scan never allocates, never panics, and reports each
//! occurrence of each literal by its id and the offset of its end.

#![expect(unsafe_code, reason = "hs_compile_lit_multi takes raw bytes, which the safe crate cannot pass")]

use foreign_types::ForeignType;
use hyperscan::{BlockMode, Database, Matching, Scratch, Serialized, Stream, StreamingMode};
use hyperscan_sys as ffi;
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// A byte literal to search for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal {
    /// Its bytes; never empty.
    pub bytes: Box<[u8]>,
    /// ASCII letters match in either case.
    pub nocase: bool,
}

/// What Hyperscan had to say against a set of literals, or against the machine.
#[derive(Debug, thiserror::Error)]
pub enum HyperscanError {
    /// The set could not be compiled.
    #[error("Hyperscan could not compile {count} literals: {reason}")]
    Compile {
        /// How many literals the set has.
        count: usize,
        /// Hyperscan's own words.
        reason: String,
    },
    /// Scratch or stream memory could not be had.
    #[error("Hyperscan: {0}")]
    Runtime(String),
}

/// What a compiled set depends on beside its literals: Hyperscan's version, and the processor that it was compiled for.
///
/// # Errors
/// A processor that Hyperscan does not support.
pub fn platform() -> Result<String, HyperscanError> {
    // SAFETY: the version is a C string that lives as long as the library.
    let version = unsafe { CStr::from_ptr(ffi::hs_version()) }.to_string_lossy();
    let mut info = MaybeUninit::<ffi::hs_platform_info_t>::zeroed();
    // SAFETY: `info` is room for one structure, which the call fills in.
    let code = unsafe { ffi::hs_populate_platform(info.as_mut_ptr()) };
    if code != ffi::HS_SUCCESS as ffi::hs_error_t {
        return Err(HyperscanError::Runtime(format!("this processor is not supported (error {code})")));
    }
    // SAFETY: it was zeroed, and filled in by the call; all its fields are numbers.
    let info = unsafe { info.assume_init() };
    Ok(format!("Hyperscan {version}; tune {}, features {:#x}", info.tune, info.cpu_features))
}

/// Gives free memory back to the system. Reading rules, compiling sets, and freeing those of a former ruleset leaves a lot of it in our
/// heap and in the C library's, where it would count as resident for good. Takes some milliseconds; not for the packet path.
pub fn give_memory_back() {
    // SAFETY: the calls take no pointers and only touch memory that is free.
    unsafe {
        libmimalloc_sys::mi_collect(true);
        libc::malloc_trim(0);
    }
}

/// A compiled set that can be kept as bytes and made again from them.
pub trait Keep: Sized {
    /// Part of the name under which it is kept: sets of different modes are different.
    const MODE: &'static str;

    /// Compiles the set.
    ///
    /// # Errors
    /// An empty list, or a literal that Hyperscan refuses.
    fn compile(literals: &[Literal]) -> Result<Self, HyperscanError>;

    /// The compiled set as bytes, for the same version of Hyperscan on a processor with the same features.
    ///
    /// # Errors
    /// Out of memory.
    fn to_bytes(&self) -> Result<impl std::ops::Deref<Target = [u8]>, HyperscanError>;

    /// The set that [`Keep::to_bytes`] was called for. `bytes` must be what it returned, unchanged: Hyperscan checks their form,
    /// but not that they mean well.
    ///
    /// # Errors
    /// Bytes of another version, for another processor, or cut off.
    fn from_bytes(bytes: &[u8], literals: &[Literal]) -> Result<Self, HyperscanError>;
}

fn runtime(error: hyperscan::Error) -> HyperscanError {
    HyperscanError::Runtime(error.to_string())
}

fn compile(literals: &[Literal], mode: u32) -> Result<*mut ffi::hs_database_t, HyperscanError> {
    let pointers: Vec<*const libc::c_char> = literals.iter().map(|l| l.bytes.as_ptr().cast()).collect();
    let lengths: Vec<usize> = literals.iter().map(|l| l.bytes.len()).collect();
    let flags: Vec<u32> = literals.iter().map(|l| if l.nocase { ffi::HS_FLAG_CASELESS } else { 0 }).collect();
    let ids: Vec<u32> = (0..literals.len() as u32).collect();
    let mut database = MaybeUninit::uninit();
    let mut error: MaybeUninit<*mut ffi::hs_compile_error_t> = MaybeUninit::uninit();
    // SAFETY: the four arrays have `literals.len()` entries each and outlive the call; the pointers and lengths describe
    // live byte slices; Hyperscan writes `database` on success and `error` on failure.
    let code = unsafe {
        ffi::hs_compile_lit_multi(
            pointers.as_ptr(),
            flags.as_ptr(),
            ids.as_ptr(),
            lengths.as_ptr(),
            literals.len() as u32,
            mode,
            std::ptr::null(),
            database.as_mut_ptr(),
            error.as_mut_ptr(),
        )
    };
    if code == ffi::HS_SUCCESS as ffi::hs_error_t {
        // SAFETY: success means that `database` was written.
        return Ok(unsafe { database.assume_init() });
    }
    // SAFETY: a failure means that `error` was written; its message, if any, is a C string that lives until it is freed.
    let reason = unsafe {
        let error = error.assume_init();
        let reason = if error.is_null() || (*error).message.is_null() {
            format!("error {code}")
        } else {
            CStr::from_ptr((*error).message).to_string_lossy().into_owned()
        };
        if !error.is_null() {
            ffi::hs_free_compile_error(error);
        }
        reason
    };
    Err(HyperscanError::Compile { count: literals.len(), reason })
}

/// A set of literals, for buffers that are there as a whole. Ids are indices into the list that it was compiled from.
pub struct BlockSet {
    database: Database<BlockMode>,
}

impl Keep for BlockSet {
    const MODE: &'static str = "block";

    fn compile(literals: &[Literal]) -> Result<Self, HyperscanError> {
        BlockSet::compile(literals)
    }

    fn to_bytes(&self) -> Result<impl std::ops::Deref<Target = [u8]>, HyperscanError> {
        self.database.serialize().map_err(runtime)
    }

    fn from_bytes(bytes: &[u8], _literals: &[Literal]) -> Result<Self, HyperscanError> {
        Ok(Self { database: bytes.deserialize().map_err(runtime)? })
    }
}

impl BlockSet {
    /// Compiles the set.
    ///
    /// # Errors
    /// An empty list, or a literal that Hyperscan refuses.
    pub fn compile(literals: &[Literal]) -> Result<Self, HyperscanError> {
        let raw = compile(literals, ffi::HS_MODE_BLOCK)?;
        // SAFETY: `raw` is a database in block mode, fresh and owned by nobody else.
        Ok(Self { database: unsafe { Database::from_ptr(raw) } })
    }

    /// Reports (id, end offset) of each occurrence in `data`.
    pub fn scan(&self, data: &[u8], scratch: &ScanScratch, mut hit: impl FnMut(u32, u64)) {
        if let Some(scratch) = &scratch.0 {
            let report = |id, _from, to, _flags| {
                hit(id, to);
                Matching::Continue
            };
            // A scan fails only on a scratch of another database; `ScanScratch::cover` was called for each.
            let _ = self.database.scan(data, scratch, report);
        }
    }

    /// Bytes of the compiled database.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.database.size().unwrap_or(0)
    }
}

/// A set of literals, for streams that come in pieces.
pub struct StreamSet {
    database: Database<StreamingMode>,
    longest: usize,
}

fn longest(literals: &[Literal]) -> usize {
    literals.iter().map(|l| l.bytes.len()).max().unwrap_or(0)
}

impl Keep for StreamSet {
    const MODE: &'static str = "stream";

    fn compile(literals: &[Literal]) -> Result<Self, HyperscanError> {
        StreamSet::compile(literals)
    }

    fn to_bytes(&self) -> Result<impl std::ops::Deref<Target = [u8]>, HyperscanError> {
        self.database.serialize().map_err(runtime)
    }

    fn from_bytes(bytes: &[u8], literals: &[Literal]) -> Result<Self, HyperscanError> {
        Ok(Self { database: bytes.deserialize().map_err(runtime)?, longest: longest(literals) })
    }
}

impl StreamSet {
    /// Compiles the set.
    ///
    /// # Errors
    /// An empty list, or a literal that Hyperscan refuses.
    pub fn compile(literals: &[Literal]) -> Result<Self, HyperscanError> {
        let raw = compile(literals, ffi::HS_MODE_STREAM)?;
        // SAFETY: `raw` is a database in streaming mode, fresh and owned by nobody else.
        let database = unsafe { Database::from_ptr(raw) };
        Ok(Self { database, longest: longest(literals) })
    }

    /// Bytes of the longest literal: a scan that begins in the middle of a stream finds every literal that ends behind that
    /// place if it is shown as many bytes before it, less one.
    #[must_use]
    pub fn longest_literal_bytes(&self) -> usize {
        self.longest
    }

    /// Opens a stream at its beginning.
    ///
    /// # Errors
    /// Out of memory.
    pub fn open(&self) -> Result<ScanStream, HyperscanError> {
        let stream = self.database.open_stream().map_err(|e| HyperscanError::Runtime(e.to_string()))?;
        Ok(ScanStream { stream })
    }

    /// Bytes of the compiled database.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.database.size().unwrap_or(0)
    }

    /// Bytes of state that each open stream keeps.
    #[must_use]
    pub fn stream_size_bytes(&self) -> usize {
        self.database.stream_size().unwrap_or(0)
    }
}

/// The state of one stream's scan. Must be used with the scratch that covers its set.
pub struct ScanStream {
    stream: Stream,
}

impl ScanStream {
    /// Reports (id, end offset from the stream's beginning) of each occurrence that ends in `data`.
    pub fn scan(&self, data: &[u8], scratch: &ScanScratch, mut hit: impl FnMut(u32, u64)) {
        if let Some(scratch) = &scratch.0 {
            let report = |id, _from, to, _flags| {
                hit(id, to);
                Matching::Continue
            };
            let _ = self.stream.scan(data, scratch, report);
        }
    }

    /// Back to the beginning, as if just opened. Literals have no matches at the end of data, so nothing is reported.
    pub fn reset(&self, scratch: &ScanScratch) {
        if let Some(scratch) = &scratch.0 {
            let _ = self.stream.reset(scratch, ());
        }
    }
}

impl Drop for ScanStream {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used again: this is the only place that closes it, and the crate's own type
        // does not close on drop. No scratch is needed without a callback.
        unsafe {
            ffi::hs_close_stream(self.stream.as_ptr(), std::ptr::null_mut(), None, std::ptr::null_mut());
        }
    }
}

/// Working memory for scans: one per worker, large enough for each set that it was told of.
#[derive(Default)]
pub struct ScanScratch(Option<Scratch>);

impl ScanScratch {
    fn cover<T>(&mut self, database: &Database<T>) -> Result<(), HyperscanError> {
        match &mut self.0 {
            Some(scratch) => database.realloc_scratch(scratch).map(|_| ()).map_err(runtime),
            empty => {
                *empty = Some(database.alloc_scratch().map_err(runtime)?);
                Ok(())
            }
        }
    }

    /// Makes it large enough for `set`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn cover_block(&mut self, set: &BlockSet) -> Result<(), HyperscanError> {
        self.cover(&set.database)
    }

    /// Makes it large enough for `set`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn cover_stream(&mut self, set: &StreamSet) -> Result<(), HyperscanError> {
        self.cover(&set.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(bytes: &[u8], nocase: bool) -> Literal {
        Literal { bytes: bytes.into(), nocase }
    }

    #[test]
    fn block_finds_any_bytes_in_either_case() {
        let set = BlockSet::compile(&[literal(b"\x00\xff\x00", false), literal(b"GeT", true)]).unwrap();
        let mut scratch = ScanScratch::default();
        scratch.cover_block(&set).unwrap();
        let mut hits = vec![];
        set.scan(b"gEt \x00\xff\x00", &scratch, |id, to| hits.push((id, to)));
        hits.sort_unstable();
        assert_eq!(hits, [(0, 7), (1, 3)]);
    }

    #[test]
    fn stream_finds_across_pieces_and_again_after_reset() {
        let set = StreamSet::compile(&[literal(b"needle", false)]).unwrap();
        let mut scratch = ScanScratch::default();
        scratch.cover_stream(&set).unwrap();
        let stream = set.open().unwrap();
        let mut hits = vec![];
        for _ in 0..2 {
            for piece in [&b"a nee"[..], b"d", b"le"] {
                stream.scan(piece, &scratch, |id, to| hits.push((id, to)));
            }
            stream.reset(&scratch);
        }
        assert_eq!(hits, [(0, 8), (0, 8)]);
    }

    #[test]
    fn a_set_made_from_its_bytes_finds_the_same() {
        let literals = [literal(b"needle", false), literal(b"x", true)];
        let bytes = StreamSet::compile(&literals).unwrap().to_bytes().unwrap().to_vec();
        let set = StreamSet::from_bytes(&bytes, &literals).unwrap();
        assert_eq!(set.longest_literal_bytes(), 6);
        let mut scratch = ScanScratch::default();
        scratch.cover_stream(&set).unwrap();
        let stream = set.open().unwrap();
        let mut hits = vec![];
        for piece in [&b"nee"[..], b"dleX"] {
            stream.scan(piece, &scratch, |id, to| hits.push((id, to)));
        }
        assert_eq!(hits, [(0, 6), (1, 7)]);
        assert!(StreamSet::from_bytes(&bytes[..bytes.len() - 1], &literals).is_err(), "cut off");
        assert!(BlockSet::from_bytes(b"", &literals).is_err());
    }

    #[test]
    fn the_platform_is_told() {
        let text = platform().unwrap();
        assert!(text.starts_with("Hyperscan 5.") && text.contains("features 0x"), "{text}");
        assert_eq!(text, platform().unwrap());
    }

    #[test]
    fn an_empty_set_is_an_error() {
        assert!(BlockSet::compile(&[]).is_err());
    }
}
