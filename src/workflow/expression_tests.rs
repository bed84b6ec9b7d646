use serde_json::json;

use super::super::template::{HtmlTemplate, Template};
use super::*;
use crate::workflow::context::tests::order_context;

fn render(source: &str) -> Result<String, String> {
    let context = order_context(json!({"note": "<b>"}));
    Template::parse(source).map_err(|e| e.message)?.render(&context).map_err(|e| e.0)
}

fn too_long() -> Result<String, String> {
    Err("it gives more than 256 KiB".into())
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
    let bomb = "{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}";
    assert_eq!(render(bomb), Err("it takes more than 3000 steps".into()));
    let long = "'".to_owned() + &"x".repeat(60_000) + "'";
    assert_eq!(render(&format!("{{% for i in range(5) %}}{{{{ {long} }}}}{{% endfor %}}")), too_long());
    assert_eq!(render("{% for i in range(9) %}{{ order.note }}{% endfor %}"), Ok("<b>".repeat(9)));
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
    let names = |source| Template::parse(source).expect("parses").names().to_vec();
    assert_eq!(names("{{ order.total }} {% for i in range(3) %}{{ i }}{% endfor %}"), ["order.total"]);
    assert_eq!(names("{% for a in customer.names %}{{ a.b }}{% endfor %}"), ["customer.names"]);
    assert_eq!(Expression::parse("a.b > 1 and now").expect("parses").names(), ["a.b", "now"]);
}

#[test]
fn no_source_overflows_the_stack() {
    let many = |part: &str, count: usize| part.repeat(count);
    for source in [
        format!("{{{{ 1{} }}}}", many("+1", 30_000)),
        format!("{{{{ order.total{} }}}}", many("-1", 30_000)),
        format!("{{{{ {}1 }}}}", many("not ", 16_000)),
        format!("{{{{ {}1 }}}}", many("not ", 200_000)),
        format!("{{{{ {}1 }}}}", many("- ", 32_000)),
        format!("{{{{ {}1 }}}}", many("-", 65_000)),
        format!("{{{{ a{} }}}}", many(".a", 30_000)),
        format!("{{{{ a{} }}}}", many("[0]", 20_000)),
        format!("{{{{ a{} }}}}", many("|e", 30_000)),
        format!("{{{{ {}1 }}}}", many("1 if 1 else ", 5_000)),
        format!("{{{{ {}1 }}}}", many("[", 60_000)),
        many("{% if 1 %}", 6_000),
        many("{% for a in b %}", 4_000),
        format!("{{% if 1 %}}{}{{% endif %}}", many("{%elif 1%}", 6_000)),
    ] {
        for fault in [Template::parse(&source).err(), HtmlTemplate::parse(&source).err()] {
            assert!(fault.is_some(), "{}", &source[..40]);
        }
        assert!(Expression::parse(source.trim_matches(['{', '}', ' '])).is_err());
    }
    let deepest = format!("{{{{ {}true }}}}", many("not ", 198));
    assert_eq!(render(&deepest), Ok("True".into()));
    assert!(render(&many("{{ order.total }} ", 500)).is_ok());
}

#[test]
fn what_grows_without_bound_is_refused() {
    for source in [
        "{{ 'ab'|indent(100000000000) }}",
        "{{ '%999999999d'|format(1) }}",
        "{{ [1]|batch(10000000000, 1)|list }}",
        "{{ {}|tojson(indent=99999999999) }}",
        "{{ 'a' * 100000 * 100000 }}",
        "{{ 100000000 * 'a' }}",
        "{{ order.note * 1000 }}",
        "{{ 1000 * order.note ~ '' }}",
        "{{ [1] * 100000000 }}",
        "{{ (order.note|int('x')) * 100000 }}",
        "{{ ((order.note ~ 1)[:1]) * 100000 }}",
        "{{ order.note[::-1] }}",
        "{{ order.note[order.total:] }}",
        "{% for a in [order.note] %}{{ a * 1000 }}{% endfor %}",
        "{% set b = order.note ~ order.note %}{{ b }}",
        "{% set b %}x{% endset %}{{ b }}",
        "{% with b = 1 %}{{ b }}{% endwith %}",
        "{% filter upper %}x{% endfilter %}",
        "{% for a in [order.note ~ order.note] %}{{ a }}{% endfor %}",
        "{% for a in range(2) %}{% for b in range(2) %}{% for c in range(2) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}",
        "{{ range(100000)|list }}",
        "{{ ''|e|replace('', 'x')|replace('x', 'yy')|map(' upper')|pprint }}",
        "{{ namespace(a=1).a }}",
    ] {
        assert!(render(source).is_err(), "{source}: {:?}", render(source));
    }
    let grown = (0..12).fold("'xxxx'".to_owned(), |text, _| format!("{text}|replace('x', 'xxxx')"));
    assert!(render(&format!("{{{{ {grown} }}}}")).is_err());
    let joined = (0..12).fold("['x','x']".to_owned(), |list, _| format!("[{list}|join('xxxxxxxx'),'x']"));
    assert!(render(&format!("{{{{ {joined}|join('x') }}}}")).is_ok());
    assert_eq!(render("{{ order.total * 2 // 100 }}"), Ok("500".into()));
    assert_eq!(render("{{ ['a', 'b']|join(', ') }} {{ 'x-y'|replace('-', '+') }}"), Ok("a, b x+y".into()));
    assert_eq!(render("{% for i in range(3) %}{{ loop.index * 2 }}{% endfor %}"), Ok("246".into()));
    assert_eq!(render("{{ {'a': [1]}|tojson }}"), Ok("{\"a\": [1]}".into()));
}

#[test]
fn what_can_not_be_stored_is_refused() {
    for source in [r#"x{{ '\x00' }}y"#, r#"{{ '\x00' }}"#, r#"{{ ['\x00'] }}"#] {
        let template = Template::parse(source).expect("parses");
        let context = order_context(json!({}));
        assert!(template.render(&context).is_err() || source.contains('['), "{source}");
        let fault = template.evaluate(&context).expect_err("refused").0;
        assert!(fault.contains("U+0000"), "{fault}");
    }
    let fault = render(r#"{{ 'a\x00b'|date }}"#).expect_err("no time");
    assert!(!fault.contains('\0'), "{fault}");
}

#[test]
fn a_field_that_is_too_large_says_so() {
    let context = order_context(json!({"note": "x".repeat(100_000)}));
    let fault = Template::parse("{{ order.note }}").expect("parses").render(&context);
    assert_eq!(
        fault,
        Err(EvalError("`order.note`: `note` is larger than the 64 KiB that templates can read".into()))
    );
}

/// 20 ms at most where it is optimised; much more is allowed here, so that a busy machine does not fail it.
#[test]
fn the_dearest_evaluations_are_short() {
    let text = "lorem ipsum ".repeat(5_000);
    let list: Vec<u32> = (0..500).collect();
    let context = order_context(json!({"note": &text, "metadata": list, "tags": [text]}));
    let joined = ["a"; 9].join("~");
    for body in [
        "{% if a|upper %}{% endif %}",
        "{% if order.note|upper %}{% endif %}",
        "{% if a ~ a %}{% endif %}",
        "{% if a == a ~ 1 %}{% endif %}",
        "{% if a + a + a + a in a + a + a + a %}{% endif %}",
        "{% if 'zz' in a %}{% endif %}",
        "{% if 'mz' in a %}{% endif %}",
        "{% if a[:1000] %}{% endif %}",
        "{% if a[999:1000] ~ a[1:1000] %}{% endif %}",
        "{% if 'x' in order.metadata %}{% endif %}",
        "{% if order.metadata == order.metadata + [1] %}{% endif %}",
        "{% if order.metadata ~ '' %}{% endif %}",
        "{% if order ~ '' %}{% endif %}",
        "{% if order.tags ~ '' %}{% endif %}",
        "{% if order.tags == order.tags %}{% endif %}",
        "{% if order.tags in 'x' %}{% endif %}",
        "{% if a < a %}{% endif %}{% if a|int(1) %}{% endif %}",
        "{% if order.metadata|sort %}{% endif %}",
        "{% if a is in a %}{% endif %}",
        "{% if range(1000) %}{% endif %}",
        "{% if {'a': order.metadata, 'b': 1} == {'a': order.metadata, 'b': 2} %}{% endif %}",
        &format!("{{% if {joined} %}}{{% endif %}}"),
        "{% if order.metadata|select('in', order.metadata)|list %}{% endif %}",
        "{{ a[:40] }}",
    ] {
        let source = format!(
            "{{% for a in [order.note] %}}{{% for i in range(1000) %}}{body}{{% endfor %}}{{% endfor %}}"
        );
        let begun = std::time::Instant::now();
        let template = Template::parse(&source).unwrap_or_else(|fault| panic!("{source}: {fault}"));
        let given = template.render(&context).map(|text| text.len());
        let took = begun.elapsed();
        println!("{:>8.2} ms {body:.70} {given:?}", took.as_secs_f64() * 1e3);
        assert!(took.as_millis() < 2_000, "{body}: {took:?}");
    }
}
