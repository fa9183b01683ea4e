//! What can be odd about an exchange, under Suricata's names.

/// A CONNACK without a CONNECT before it.
pub const MISSING_CONNECT: &str = "missing_connect";
/// A PUBACK, PUBREC, PUBREL or PUBCOMP without its PUBLISH.
pub const MISSING_PUBLISH: &str = "missing_publish";
/// A SUBACK without its SUBSCRIBE.
pub const MISSING_SUBSCRIBE: &str = "missing_subscribe";
/// An UNSUBACK without its UNSUBSCRIBE.
pub const MISSING_UNSUBSCRIBE: &str = "missing_unsubscribe";
/// A second CONNECT.
pub const DOUBLE_CONNECT: &str = "double_connect";
/// Something before the connection stands.
pub const UNINTRODUCED_MESSAGE: &str = "unintroduced_message";
/// A quality of service that there is not.
pub const INVALID_QOS_LEVEL: &str = "invalid_qos_level";
/// A packet identifier is not there or 0.
pub const MISSING_MSG_ID: &str = "missing_msg_id";
/// A message of a type that there is not.
pub const UNASSIGNED_MSG_TYPE: &str = "unassigned_msg_type";
/// More exchanges are under way than are followed.
pub const TOO_MANY_TRANSACTIONS: &str = "too_many_transactions";
/// A message is not built as it should be.
pub const MALFORMED_TRAFFIC: &str = "malformed_traffic";
