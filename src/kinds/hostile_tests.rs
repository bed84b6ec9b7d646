//! Files that are made to take long, or to be told much of.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{flow, points, trigger};
use crate::workflow::compile::{Compiled, compile};
use crate::workflow::diagnostics::{MAX_DIAGNOSTICS, Severity, any_error};

/// Generous: it is meant for a slow machine and code that is not optimised.
const LONG: Duration = Duration::from_secs(5);

/// How long this thread had a processor: what else the machine does is not the compiler's fault.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn in_time(file: &Value) -> Compiled {
    let start = worked();
    let compiled = compile(file, &catalogue());
    let took = worked() - start;
    assert!(took < LONG, "{took:?}");
    assert!(compiled.diagnostics.len() <= MAX_DIAGNOSTICS);
    compiled
}

fn each(id: &str) -> Value {
    json!({"id": id, "data": {"controlType": "for_each", "config": {"items": "{{ [1] }}"}}})
}

#[test]
fn loops_that_share_their_bodies_are_told_once_for_each_way() {
    let mut nodes = vec![trigger("order_created"), points("a"), points("b"), points("c")];
    let mut edges = vec!["a>b".to_owned(), "b>c".to_owned()];
    for at in 0..200 {
        nodes.push(each(&format!("l{at}")));
        edges.extend([format!("t>l{at}"), format!("l{at}>a:each")]);
    }
    let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
    let told = in_time(&flow(&nodes, &edges)).diagnostics;
    let leaks: Vec<_> = told.iter().filter(|fault| fault.code == "loop-leak").collect();
    assert_eq!(leaks.len(), 200, "one for each way into the body");
    let mut edges: Vec<_> = leaks.iter().map(|fault| &fault.edge).collect();
    edges.dedup();
    assert_eq!(edges.len(), 200);
}

#[test]
fn of_many_faults_the_first_are_told() {
    let many = |edge: &dyn Fn(usize) -> Value, count: usize| {
        let edges: Vec<Value> = (0..count).map(edge).collect();
        in_time(&json!({"nodes": [trigger("order_created"), points("a")], "edges": edges}))
    };
    let dangling = |at: usize| json!({"source": "t", "target": format!("x{at}")});
    assert_eq!(many(&dangling, 499).diagnostics.len(), 500, "and `a` is not reached");
    let told = many(&dangling, 4_000).diagnostics;
    assert_eq!(told.len(), MAX_DIAGNOSTICS);
    let last = told.last().expect("there are some");
    assert_eq!((last.code, last.severity), ("too-many", Severity::Error));
    assert_eq!(last.message, "and 3502 more, 3501 of them errors");
    let warned =
        |at: usize| json!({"source": "t", "target": "a", "targetHandle": "null", "sourceHandle": at});
    let compiled = many(&warned, 600);
    assert!(compiled.plan.is_some() && !any_error(&compiled.diagnostics), "warnings prevent nothing");
    let last = compiled.diagnostics.last().expect("there are some");
    assert_eq!((last.code, last.severity), ("too-many", Severity::Warning));
}

#[test]
fn names_that_are_none_are_looked_for_in_bounded_time() {
    // All of one length and of nearly the same letters: nothing can be left out by a glance.
    let name = |start: &str, at: usize| format!("{start}{:0>50}", format!("{at:b}"));
    let mut nodes = vec![trigger("order_created")];
    nodes.extend((0..998).map(|at| points(&name("a", at))));
    let dangling: Vec<Value> =
        (0..4_000).map(|at| json!({"source": name("b", at), "target": name("c", at)})).collect();
    let told = in_time(&json!({"nodes": nodes, "edges": dangling})).diagnostics;
    assert!(
        told.iter().any(|fault| fault.help.as_deref().is_some_and(|help| help.starts_with("did you mean")))
    );

    let mut nodes: Vec<Value> = (0..500).map(|at| points(&name("a", at))).collect();
    let text: String = (0..800).map(|at| format!("{{{{ steps.{} }}}}", name("b", at))).collect();
    nodes.push(trigger("order_created"));
    let chain: Vec<Value> = (0..499)
        .map(|at| json!({"source": name("a", at), "target": name("a", at + 1)}))
        .chain([
            json!({"source": "t", "target": name("a", 0)}),
            json!({"source": name("a", 499), "target": "m0"}),
        ])
        .chain((0..9).map(|at| json!({"source": format!("m{at}"), "target": format!("m{}", at + 1)})))
        .collect();
    nodes.extend((0..10).map(|at| super::compile_tests::mail(&format!("m{at}"), &text)));
    in_time(&json!({"nodes": nodes, "edges": chain}));
}

#[test]
fn long_chains_of_variables_are_read_in_bounded_time() {
    let set = |at: usize| {
        let vars: serde_json::Map<String, Value> =
            (0..45).map(|name| (format!("v{at}_{name}"), json!("x"))).collect();
        json!({"id": format!("s{at}"), "data": {"controlType": "set", "config": {"vars": vars}}})
    };
    let reads = |of: &str| super::compile_tests::mail("m", &format!("{{{{ vars.{of} }}}}"));
    let mut edges: Vec<Value> =
        (0..989).map(|at| json!({"source": format!("s{at}"), "target": format!("s{}", at + 1)})).collect();
    edges.push(json!({"source": "t", "target": "s0"}));
    edges.push(json!({"source": "s989", "target": "m"}));
    let mut nodes: Vec<Value> = (0..990).map(set).collect();
    nodes.extend([trigger("order_created"), reads("v3_7")]);
    let compiled = in_time(&json!({"nodes": nodes, "edges": edges}));
    assert!(compiled.plan.is_some(), "{:#?}", compiled.diagnostics);
    nodes.pop();
    nodes.push(reads("v3_77"));
    let told = in_time(&json!({"nodes": nodes, "edges": edges})).diagnostics;
    let help = told[0].help.clone().unwrap_or_default();
    assert!(told[0].code == "unknown-name" && help.starts_with("did you mean `v3_"), "{told:#?}");
}
