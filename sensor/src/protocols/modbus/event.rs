//! What can be odd about an exchange, under Suricata's names.

/// The protocol identifier is not 0.
pub const INVALID_PROTOCOL_ID: &str = "invalid_protocol_id";
/// A response without its request.
pub const UNSOLICITED_RESPONSE: &str = "unsolicited_response";
/// The length does not fit what the function carries.
pub const INVALID_LENGTH: &str = "invalid_length";
/// There is no such function.
pub const INVALID_FUNCTION_CODE: &str = "invalid_function_code";
/// A quantity, count or value that cannot be.
pub const INVALID_VALUE: &str = "invalid_value";
/// An exception that the function cannot end in.
pub const INVALID_EXCEPTION_CODE: &str = "invalid_exception_code";
/// The response does not fit its request.
pub const VALUE_MISMATCH: &str = "value_mismatch";
/// More requests wait for a response than are followed.
pub const FLOODED: &str = "flooded";
