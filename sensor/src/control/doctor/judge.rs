//! From facts to findings: pure, so that any host can be judged that somebody wrote down.

use super::facts::Facts;
use super::finding::{Finding, Plan};
use super::{judge_host, judge_nic, judge_placement};

/// All findings, the host's first.
#[must_use]
pub fn judge(facts: &Facts, plan: &Plan) -> Vec<Finding> {
    let queues = facts.interfaces.iter().map(|nic| plan.queues(&nic.name, nic.rx_queues).len()).sum();
    let mut findings = judge_host::judge(&facts.host, plan, queues, plan.workers(facts));
    for nic in &facts.interfaces {
        findings.extend(judge_nic::judge(facts, plan, nic));
    }
    findings.extend(plan.pairs.iter().filter_map(|pair| judge_placement::pair(facts, pair)));
    findings
}
