use serde_json::json;

use super::*;
use crate::workflow::context::tests::order_context;

fn render(source: &str) -> Result<String, String> {
    let context = order_context(json!({"note": "<b>"}));
    Template::parse(source).map_err(|e| e.message)?.render(&context).map_err(|e| e.0)
}

#[test]
fn a_lone_expression_keeps_its_type() {
    let context = order_context(json!({}));
    let points = Template::parse("{{ order.total // 100 }}").expect("parses");
    assert_eq!(points.evaluate(&context), Ok(json!(250)));
    assert_eq!(points.render(&context), Ok("250".into()));
    let mixed = Template::parse(" {{ order.total // 100 }}").expect("parses");
    assert_eq!(mixed.evaluate(&context), Ok(json!(" 250")));
}

#[test]
fn text_html_and_filters() {
    assert_eq!(render("Hi {{ customer.name }}, {{ order.total|money }}\n"), Ok("Hi Ada, 250.00\n".into()));
    assert_eq!(render("{{ order.total|money(order.currency) }}"), Ok("250.00 EUR".into()));
    assert_eq!(render("{{ event.at|date }}"), Ok("2026-11-22".into()));
    assert_eq!(render("{{ order.created_at|date('%d.%m.%Y') }}"), Ok("22.11.2026".into()));
    assert_eq!(
        render("{{ customer.phone }}|{{ customer.phone|default('none given') }}"),
        Ok("|none given".into())
    );
    assert_eq!(render("{{ order.note }}"), Ok("<b>".into()));
    let html = HtmlTemplate::parse("<p>{{ order.note }}</p>").expect("parses");
    assert_eq!(html.render(&order_context(json!({"note": "<b>"}))), Ok("<p>&lt;b&gt;</p>".into()));
}

#[test]
fn an_undefined_value_is_named() {
    assert_eq!(render("Hi {{ steps.points.balance }}"), Err("`steps.points.balance` is undefined".into()));
    assert_eq!(render("{{ order.nope }}"), Err("`order.nope` is undefined".into()));
    assert_eq!(render("{{ order.nope > 3 }}!"), Err("`order.nope` is undefined".into()));
}

#[test]
fn bad_filters_and_dates_fail_and_do_not_panic() {
    assert!(render("{{ order.created_at|date('%Q') }}").is_err());
    assert!(render("{{ order.note|date }}").is_err());
    assert!(render("{{ 1.5|money }}").is_err());
}

#[test]
fn loops_and_output_are_bounded() {
    let bomb = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert_eq!(render(bomb), Err("it takes more than 50000 steps".into()));
    assert_eq!(render("a{{ 'x' * 300000 }}"), Err("it gives more than 256 KiB".into()));
    assert_eq!(render("{{ 'x' * 300000 }}"), Err("it gives more than 256 KiB".into()));
    assert!(render(&format!("{{{{ 1{}", "(".repeat(5000))).is_err());
}

#[test]
fn syntax_faults_have_a_place() {
    let fault = Template::parse("Hi {{ customer.name }").expect_err("unclosed");
    assert!(fault.range.is_some(), "{fault:?}");
    let fault = Expression::parse("order.total >= ").expect_err("unfinished");
    assert!(!fault.message.is_empty());
    let fault = Template::parse("{{ order.total // }}").expect_err("unfinished");
    assert!(fault.range.is_none_or(|range| range.start >= 2 && range.end <= 20));
}

#[test]
fn names_are_the_paths_that_are_read() {
    let names = |source| Template::parse(source).expect("parses").names();
    assert_eq!(names("{{ order.total }} {% for i in range(3) %}{{ i }}{% endfor %}"), ["order.total"]);
    assert_eq!(names("{% set a = customer.name %}{{ a.b }}"), ["customer.name"]);
    assert_eq!(Expression::parse("a.b > 1 and now").expect("parses").names(), ["a.b", "now"]);
}
