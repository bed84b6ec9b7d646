//! What a shop has before its customers come: products, categories, stock, mails, tiers, campaigns.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::dice::{Dice, Of};
use super::{Plan, site, targets};
use crate::store::seed::{Load, cells};

const WARES: &[(&str, &str)] = &[
    ("Mug", "Kitchen"),
    ("Teapot", "Kitchen"),
    ("Bread knife", "Kitchen"),
    ("Apron", "Kitchen"),
    ("Notebook", "Paper"),
    ("Calendar", "Paper"),
    ("Art print", "Paper"),
    ("Desk lamp", "Home"),
    ("Cushion", "Home"),
    ("Blanket", "Home"),
    ("Planter", "Garden"),
    ("Watering can", "Garden"),
    ("Backpack", "Travel"),
    ("Bottle", "Travel"),
    ("Scarf", "Clothing"),
    ("T-shirt", "Clothing"),
    ("Socks", "Clothing"),
    ("Headphones", "Electronics"),
    ("Charger", "Electronics"),
];
const KINDS: &[&str] = &[
    "Oak", "Linen", "Slate", "Amber", "Nordic", "Classic", "Studio", "Harbour", "Meadow", "Indigo", "Copper",
];
const COURSES: &[&str] =
    &["Pottery for beginners", "Bookbinding", "Watercolours", "Sourdough", "Letterpress", "Natural dyeing"];
const CATEGORIES: &[&str] =
    &["Kitchen", "Paper", "Home", "Garden", "Travel", "Clothing", "Electronics", "Courses"];
const VARIANTS: &[&str] = &["Small", "Medium", "Large"];
const CAMPAIGNS: u64 = 4;

/// What can be bought.
#[derive(Debug, Clone)]
pub struct Product {
    /// As Medusa's ids look.
    pub id: String,
    pub title: String,
    category: &'static str,
    pub is_course: bool,
}

/// All products of the shop, always the same for the same plan.
pub fn products(plan: &Plan) -> Vec<Product> {
    let count = (plan.orders / 250).clamp(18, 500);
    (0..count)
        .map(|number| {
            let mut dice = Dice::of(plan.seed, Of::Product, number);
            let id = format!("prod_{}", plan.id(Of::Product, number).simple());
            if let Some(course) =
                COURSES.get(usize::try_from(number / 3).unwrap_or(0)).filter(|_| number % 3 == 2)
            {
                return Product { id, title: (*course).to_owned(), category: "Courses", is_course: true };
            }
            let (ware, category) = dice.one(WARES);
            Product {
                id,
                title: format!("{} {}", dice.one(KINDS), ware.to_lowercase()),
                category,
                is_course: false,
            }
        })
        .collect()
}

/// A mailing to those who wait for one product.
#[derive(Debug, Clone)]
pub struct Campaign {
    pub id: Uuid,
    pub product_id: String,
    pub at: DateTime<Utc>,
}

/// Those that were sent: the best-sellers came back into stock.
pub fn campaigns(plan: &Plan, products: &[Product]) -> Vec<Campaign> {
    let wares = products.iter().filter(|product| !product.is_course);
    (0..CAMPAIGNS)
        .zip(wares)
        .map(|(number, product)| {
            let mut dice = Dice::of(plan.seed, Of::Campaign, number);
            let days_ago = dice.between(5, 120);
            let at = plan.end() - TimeDelta::days(days_ago) + TimeDelta::hours(9);
            Campaign { id: plan.id(Of::Campaign, number), product_id: product.id.clone(), at }
        })
        .collect()
}

/// Id, name, rank, least points.
pub fn tiers(plan: &Plan) -> Vec<(Uuid, &'static str, i32, i64)> {
    let tiers = [("Bronze", 1, 0), ("Silver", 2, 500), ("Gold", 3, 2_000), ("Platinum", 4, 10_000)];
    (0..)
        .zip(tiers)
        .map(|(number, (name, rank, least))| (plan.id(Of::Tier, number), name, rank, least))
        .collect()
}

/// Everything, in the order in which keys want it.
pub fn loads(plan: &Plan) -> Vec<Load> {
    let products = products(plan);
    let mut loads = catalogue(plan, &products);
    loads.extend(site::loads(plan));
    loads.extend(mailings(plan, &products));
    loads
}

fn catalogue(plan: &Plan, products: &[Product]) -> Vec<Load> {
    let at = plan.begin();
    let [mut items, mut variants, mut stock] =
        [targets::PRODUCTS, targets::VARIANTS, targets::STOCK].map(Load::to);
    let [mut categories, mut mappings] = [targets::CATEGORIES, targets::MAPPINGS].map(Load::to);
    let all = plan.id(Of::Category, 0);
    categories.add(cells![
        all,
        None::<Uuid>,
        "Everything",
        format!("everything{}", plan.suffix()),
        0_i64,
        at,
        at
    ]);
    for (number, name) in (1..).zip(CATEGORIES) {
        let slug = format!("{}{}", name.to_lowercase(), plan.suffix());
        let position = i64::try_from(number).unwrap_or(0);
        categories.add(cells![plan.id(Of::Category, number), all, *name, slug, position, at, at]);
    }
    let mut variant_number = 0;
    for (number, product) in (0_u32..).zip(products) {
        let mut dice = Dice::of(plan.seed, Of::Variant, u64::from(number));
        let handle = format!("{}-{number}{}", site::slug(&product.title), plan.suffix());
        let description = format!("{}. Made to last, sent within two days.", product.title);
        items.rows.push(
            cells![product.id.clone(), product.title.clone(), handle, description, "published", at, at]
                .to_vec(),
        );
        let sizes = if product.is_course { 1 } else { dice.one(&[1, 1, 2, 3]) };
        for (rank, size) in (0_i64..).zip(&VARIANTS[..sizes]) {
            let id = format!("variant_{}", plan.id(Of::Variant, variant_number).simple());
            let sku = format!("SKU-{number:04}-{rank}{}", plan.suffix());
            let title = if sizes == 1 { "Default" } else { size };
            variants.rows.push(cells![id.clone(), title, sku, rank, product.id.clone(), at, at].to_vec());
            let available = if dice.chance(8.0) { 0 } else { dice.between(1, 400) };
            stock.add(cells![id, product.id.clone(), available, at, at]);
            variant_number += 1;
        }
        let category = CATEGORIES.iter().position(|name| *name == product.category).unwrap_or(0) as u64 + 1;
        mappings.add(cells![product.id.clone(), plan.id(Of::Category, category), i64::from(number), at, at]);
    }
    vec![items, variants, stock, categories, mappings]
}

fn mailings(plan: &Plan, products: &[Product]) -> Vec<Load> {
    let at = plan.begin();
    let mails = [
        ("Order confirmation", "Thank you for your order", "transactional"),
        ("Deposit request", "Your deposit is due", "transactional"),
        ("Back in stock", "It is back: {{ product.title }}", "marketing"),
        ("Review request", "How do you like it?", "marketing"),
        ("Welcome", "Welcome, {{ customer.name }}", "marketing"),
        ("Monthly news", "What is new this month", "marketing"),
    ];
    let [mut templates, mut campaigns] = [targets::TEMPLATES, targets::CAMPAIGNS].map(Load::to);
    for (number, (name, subject, consent)) in (0..).zip(mails) {
        let name = format!("{name}{}", plan.suffix());
        let text = "Hello {{ customer.name }},\n\nthank you.\n\nYour shop";
        templates.add(cells![plan.id(Of::Template, number), name, subject, text, consent, at, at]);
    }
    for campaign in self::campaigns(plan, products) {
        let title = products.iter().find(|p| p.id == campaign.product_id).map_or("", |p| &p.title);
        let name = format!("{title} is back");
        let (made, ended) = (campaign.at - TimeDelta::days(1), campaign.at + TimeDelta::minutes(20));
        let template = plan.id(Of::Template, 2);
        campaigns.add(cells![
            campaign.id,
            name,
            template,
            campaign.product_id,
            "sent",
            campaign.at,
            ended,
            made,
            ended
        ]);
    }
    vec![templates, campaigns]
}
