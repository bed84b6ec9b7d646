//! The shop's site: pages with their sections, articles, what is new.

use chrono::TimeDelta;
use serde_json::json;

use super::dice::{Dice, Of};
use super::{Plan, targets};
use crate::store::seed::{Load, cells};

/// The most looked at first.
const PAGES: &[&str] = &[
    "Home",
    "Shop",
    "Courses",
    "About us",
    "Delivery",
    "Returns",
    "Contact",
    "Sustainability",
    "Workshop",
    "Gift cards",
    "Wholesale",
    "Press",
    "Careers",
    "Questions",
    "Imprint",
    "Privacy",
    "Terms",
    "Size guide",
    "Care guide",
    "Stores",
];
const SECTIONS: &[&str] = &["hero", "intro", "features", "footer"];
const ANGLES: &[&str] = &[
    "A quiet guide to",
    "Five thoughts on",
    "What we learned about",
    "In praise of",
    "Behind the scenes:",
    "How we choose",
];
const TOPICS: &[&str] = &[
    "oak",
    "slow mornings",
    "small kitchens",
    "natural dyes",
    "mending",
    "gifts that last",
    "balcony gardens",
    "good paper",
    "autumn walks",
    "sourdough",
    "working with clay",
    "linen in summer",
];
const TAGS: &[&str] =
    &["craft", "home", "garden", "kitchen", "paper", "travel", "news", "courses", "materials", "people"];
const AUTHORS: &[&str] = &["Amara Okafor", "Jonas Huber", "Camille Moreau", "Yuki Tanaka", "Priya Iyer"];
const SENTENCES: &[&str] = &[
    "It began with a single order on a rainy Tuesday.",
    "Good material needs little said about it.",
    "We visited the people who make it, and stayed for lunch.",
    "Most of the work is in what you leave out.",
    "It ages well, which is more than can be said of most things.",
    "Ask us if you want to know more; we like to talk.",
    "Wash it cold, dry it flat, and it will outlive you.",
    "The first one took us three weeks; now it takes a day.",
];
const NEWS: &[(&str, &str)] = &[
    ("added", "Pay by invoice"),
    ("changed", "A faster checkout"),
    ("fixed", "Totals of gift cards"),
    ("added", "Wish lists"),
    ("removed", "The old newsletter form"),
    ("security", "Stronger sign-in"),
    ("added", "Courses can be given as gifts"),
];

/// How many pages there are.
pub fn page_count() -> usize {
    PAGES.len()
}

/// Lower case, with dashes.
pub fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Pages, sections, articles, news.
pub fn loads(plan: &Plan) -> Vec<Load> {
    let [mut pages, mut sections] = [targets::PAGES, targets::SECTIONS].map(Load::to);
    // All are there before the first visitor.
    let at = plan.begin() - TimeDelta::days(7);
    for (number, title) in (0..).zip(PAGES) {
        let page = plan.id(Of::Page, number);
        let slug = format!("{}{}", slug(title), plan.suffix());
        let description = format!("{title}: everything about it.");
        pages.add(cells![page, slug, *title, description, "published", at, at, at]);
        for (place, section) in (0..).zip(SECTIONS) {
            let number = number * SECTIONS.len() as u64 + place;
            let mut dice = Dice::of(plan.seed, Of::Section, number);
            let content = json!({"blocks": [
                {"type": "heading", "props": {"level": dice.between(1, 3), "text": title}},
                {"type": "paragraph", "props": {"text": paragraph(&mut dice)}},
            ]});
            sections.add(cells![plan.id(Of::Section, number), page, *section, content, "published", at, at]);
        }
    }
    vec![pages, sections, posts(plan), entries(plan)]
}

fn paragraph(dice: &mut Dice) -> String {
    let sentences: Vec<&str> = (0..dice.between(3, 7)).map(|_| dice.one(SENTENCES)).collect();
    sentences.join(" ")
}

fn posts(plan: &Plan) -> Load {
    let mut posts = Load::to(targets::POSTS);
    let count = 200 + plan.orders / 500;
    for number in 0..count {
        let mut dice = Dice::of(plan.seed, Of::Post, number);
        let title = format!("{} {}", dice.one(ANGLES), dice.one(TOPICS));
        let slug = format!("{}-{number}{}", slug(&title), plan.suffix());
        let status = dice.weighed(&[("published", 85), ("draft", 10), ("archived", 5)]);
        // Evenly over the time, the newest last.
        let minutes =
            super::DAYS * 24 * 60 * i64::try_from(number).unwrap_or(0) / i64::try_from(count).unwrap_or(1);
        let made = plan.begin() + TimeDelta::minutes(minutes);
        let published = (status != "draft").then(|| dice.later(made, 30, 2_000, plan.end()));
        let body = (0..dice.between(3, 6)).map(|_| paragraph(&mut dice)).collect::<Vec<_>>().join("\n\n");
        let mut tags: Vec<&'static str> = (0..dice.between(1, 4)).map(|_| dice.one(TAGS)).collect();
        tags.sort_unstable();
        tags.dedup();
        let (excerpt, author) = (dice.one(SENTENCES), dice.one(AUTHORS));
        let changed = published.unwrap_or(made);
        posts.add(cells![
            plan.id(Of::Post, number),
            slug,
            title,
            excerpt,
            body,
            author,
            tags,
            status,
            published,
            made,
            changed
        ]);
    }
    posts
}

fn entries(plan: &Plan) -> Load {
    let mut entries = Load::to(targets::ENTRIES);
    for number in 0..60_u64 {
        let mut dice = Dice::of(plan.seed, Of::Entry, number);
        let (category, title) = dice.one(NEWS);
        let at = plan.begin() + TimeDelta::days(i64::try_from(number).unwrap_or(0) * 12);
        let slug = format!("{}-{number}{}", slug(title), plan.suffix());
        let version = format!("{}.{}", 1 + number / 20, number % 20);
        let body = paragraph(&mut dice);
        entries.add(cells![
            plan.id(Of::Entry, number),
            slug,
            version,
            title,
            body,
            category,
            "published",
            at,
            at,
            at
        ]);
    }
    entries
}
