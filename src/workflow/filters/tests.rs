use serde_json::json;

use super::{FILTERS, filter_exists, test_exists, unknown_filter};
use crate::workflow::context::Context;
use crate::workflow::context::tests::order_context;
use crate::workflow::expression::Expression;
use crate::workflow::template::{HtmlTemplate, Template};

const DOCS: &str = include_str!("../../../docs/expressions.md");

fn context() -> Context {
    order_context(json!({"note": "Größe: <b>42</b> & more"}))
}

fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|text| text.replace("\\|", "|").replace('␣', "\u{a0}")).collect()
}

/// Cells of the table; a bar within code is written `\|`.
fn rows() -> Vec<Vec<String>> {
    let table = DOCS.split("| filter | example | gives |").nth(1).expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let hidden = row.replace("\\|", "\u{1}");
        let cells = hidden.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('\u{1}', "\\|")).collect::<Vec<_>>()
    };
    rows.map(cells).collect()
}

#[test]
fn every_example_of_the_docs_gives_what_they_say() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for row in rows() {
        let [_, example, gives] = &row[..] else { panic!("three cells: {row:?}") };
        let (example, gives) = (code(example).concat(), code(gives).concat());
        let given = Template::parse(&example).map(|template| template.render(&context()));
        tried += 1;
        if given != Ok(Ok(gives.clone())) {
            wrong.push(format!("{example}: {given:?}, not {gives:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 30, "{tried}");
    for name in FILTERS {
        let named = |row: &Vec<String>| code(&row[0]).iter().any(|code| code.split('(').next() == Some(name));
        assert!(rows().iter().any(named), "`{name}` is not in the table");
        let used = format!("|{name}");
        assert!(rows().iter().any(|row| code(&row[1]).concat().contains(&used)), "no example of `{name}`");
    }
}

#[test]
fn unknown_filters_are_found_and_known_ones_exist() {
    assert_eq!(unknown_filter("a {{ order.total|mony }}", false), Some(("mony".into(), 17..21)));
    assert_eq!(unknown_filter("order.total|money == '1|x'", true), None);
    assert_eq!(unknown_filter("{{ 'ä|b' }} | c {% if a|upper %}{% endif %}", false), None);
    assert!(FILTERS.iter().all(|name| filter_exists(name)));
    assert!(test_exists("defined") && test_exists("divisibleby") && !test_exists("oddd"));
}

fn fault(source: &str) -> (String, String) {
    let fault = Template::parse(source).expect_err(source);
    let place = fault.range.and_then(|range| source.get(range)).unwrap_or_default().to_owned();
    (fault.message, place)
}

#[test]
fn what_can_be_known_of_filters_is_known_at_once() {
    let long = format!("{{{{ now|date('{}') }}}}", "x".repeat(201));
    for (source, message) in [
        ("{{ now|plus('7 moons') }}", "`7 moons` is not a span of time: write 30m, 12h, 7d or 2w"),
        ("{{ now|plus }}", "`plus` needs 1 value, not 0"),
        ("{{ now|plus(7) }}", "`plus` takes a text here, not 7"),
        ("{{ now|date('%Q') }}", "`%Q` is not a form of date: write `%d.%m.%Y`"),
        ("{{ now|date(tz='Europe/Berln') }}", "there is no time zone `Europe/Berln`"),
        ("{{ now|date(zone='UTC') }}", "`date` has no setting `zone`: the only one is `tz`"),
        ("{{ now|date('%d', 'UTC') }}", "`date` takes at most 1 value, not 2"),
        ("{{ 1|money(local='de') }}", "`money` has no setting `local`: did you mean `locale`?"),
        ("{{ 1|pluralize }}", "`pluralize` needs 1 or more values, not 0"),
        ("{{ 'a'|truncate('8') }}", "`truncate` takes a number here"),
        ("{{ 'a'|upper(1) }}", "`upper` takes no values in brackets"),
        ("{{ 'a'|replace('a') }}", "`replace` needs 2 values, not 1"),
        (&long, "a form of date has at most 200 bytes"),
        ("{{ 3 is oddd }}", "there is no test `oddd`"),
        ("{{ loop.index }}", "`loop` is there in a loop only"),
        ("{{ self }}", "there is no `self` here"),
        (
            "{{ customer.name.upper() }}",
            "only `range`, `dict` and `loop.cycle` can be called: filters are written `|upper`",
        ),
        (
            "{{ money(1) }}",
            "only `range`, `dict` and `loop.cycle` can be called: filters are written `|upper`",
        ),
    ] {
        for source in [source.to_owned(), format!("Hi {source}!")] {
            let (found, place) = fault(&source);
            assert_eq!(found, message, "{source}");
            assert!(!place.is_empty() && source.contains(&place), "{source}: `{place}`");
        }
    }
    assert_eq!(fault("Hi {{ now|plus('7 moons') }}").1, "plus('7 moons')");
    assert_eq!(fault("{{ now|plus('7 moons') }}").1, "plus('7 moons')");
    assert_eq!(Expression::parse("now|plus('x') > 1").expect_err("no span").range, Some(4..13));
    for source in
        ["{% for a in range(2) %}{{ loop.cycle('a', 'b') }}{{ loop.index }}{% endfor %}", "{{ dict(a=1).a }}"]
    {
        assert!(
            Template::parse(source).is_ok_and(|template| template.render(&context()).is_ok()),
            "{source}"
        );
    }
}

#[test]
fn names_in_loops_and_in_what_filters_take_are_read() {
    let names = |source: &str| Template::parse(source).expect(source).names().to_vec();
    assert_eq!(
        names("{{ 1|money(order.curency, locale=customer.local) }}"),
        ["customer.local", "order.curency"]
    );
    assert_eq!(
        names("{% for a in order.lines if a.x > vars.y %}{{ a.b ~ loop.index }}{{ c }}{% endfor %}"),
        ["c", "order.lines", "vars.y"]
    );
    assert_eq!(
        names("{% for a, b in order.x|items %}{{ a }}{{ b }}{% else %}{{ d.e }}{% endfor %}{{ a }}"),
        ["a", "d.e", "order.x"]
    );
    assert_eq!(names("{{ x is divisibleby(y) }}{{ z[w] }}"), ["w", "x", "y", "z"]);
    for source in [
        "{% set a = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% import 'a' as b %}",
        "{% include 'a' %}",
        "{% extends 'a' %}",
        "{% block a %}{% endblock %}",
        "{% call a() %}{% endcall %}",
    ] {
        assert!(Template::parse(source).is_err(), "{source}");
    }
}

#[test]
fn filters_refuse_at_run_time_what_could_not_be_known() {
    for source in [
        "{{ order.created_at|date(order.note) }}{{ order.created_at|date('%' ~ 'Q') }}",
        "{{ order.created_at|date(tz=order.note) }}",
        "{{ order.created_at|plus(order.note) }}",
        "{{ order.note|date }}",
        "{{ customer.phone|date }}",
        "{{ '9999-12-31'|plus('2d') }}",
        "{{ '0001-01-01'|minus('2d') }}",
        "{{ 1.5|money }}",
        "{{ 1|money('x' * 3) }}",
        "{{ order.note|url }}",
        "{{ customer.phone|url }}",
        "{{ order.note|percent }}",
        "{{ 1|percent(order.total) }}",
        "{{ customer.phone|pluralize('a') }}",
    ] {
        let given = Template::parse(source).map(|template| template.render(&context()));
        assert!(!matches!(given, Ok(Ok(_))), "{source}: {given:?}");
    }
    let given = Template::parse("{{ order.created_at|date(tz=customer.phone) }}").expect("parses");
    assert_eq!(given.render(&context()), Ok("2026-11-22".into()), "no time zone is UTC");
}

#[test]
fn what_own_filters_do_is_counted() {
    let context = order_context(json!({"note": "ä".repeat(20_000)}));
    for filter in
        ["slug", "truncate(9)", "truncate(30000)", "default('')|slug", "pluralize('a')|d", "slug|slug"]
    {
        let source = format!(
            "{{% for a in [order.note] %}}{{% for i in range(400) %}}{{% if a|{filter} %}}{{% endif %}}{{% endfor %}}{{% endfor %}}"
        );
        let given = Template::parse(&source).expect("parses").render(&context);
        let fault = given.expect_err(filter).0;
        assert!(
            fault.contains("more than 1 MiB goes through filters") || fault.contains("takes a number"),
            "{fault}"
        );
    }
}

#[test]
fn links_in_html_are_checked() {
    let parse = |source: &str| HtmlTemplate::parse(source).map_err(|fault| fault.message);
    for good in [
        r#"<a href="{{ order.note|url }}">{{ order.note }}</a>"#,
        r#"<a href="https://a.example/{{ order.note }}?q={{ order.note|urlencode }}">x</a>"#,
        r#"<a href='{% if order.note %}{{ order.note|url }}{% else %}https://a.example{% endif %}'>"#,
        r#"<a title="{{ order.note }}" href="{{ 'https://a.example' if order.note else order.note|url }}">"#,
        "href={{ order.note }}",
        "<p>{{ order.note }}</p>",
    ] {
        assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
    }
    for bad in [
        r#"<a href="{{ order.note }}">"#,
        r#"<a HREF = ' {{ order.note }}'>"#,
        r#"<img src="{{ order.note|upper }}">"#,
        r#"<svg xlink:href="{{ order.note }}">"#,
        r#"<a href={{ order.note|url }}>"#,
        r#"<a href="{% if order.note %}{{ order.note|url }}{% else %}{{ order.note }}{% endif %}">"#,
        r#"<a href="{{ 'https://a.example' if order.note else order.note }}">"#,
        "<form\naction=\"{{ order.note }}\">",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    let link = parse(r#"<a href="{{ order.note|url }}">"#).expect("parses");
    assert!(link.render(&context()).is_err(), "a note is no address");
    let shop = order_context(json!({"note": "https://a.example/?a=1&b=\""}));
    assert_eq!(
        link.render(&shop),
        Ok(r#"<a href="https:&#x2f;&#x2f;a.example&#x2f;?a=1&amp;b=%22">"#.into())
    );
    assert!(Template::parse(r#"<a href="{{ order.note }}">"#).is_ok(), "plain text is left as it is");
}
