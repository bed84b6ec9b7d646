//! The tables that are filled, with the columns that are given.

use crate::store::seed::Target;

macro_rules! targets {
    ($($name:ident = $table:literal: $columns:literal;)+) => {
        $(pub const $name: Target = Target { table: $table, columns: $columns };)+
    };
}

targets! {
    // Medusa's have no created_by where Medusa made them.
    PRODUCTS = "product": "id, title, handle, description, status, created_at, updated_at";
    VARIANTS = "product_variant": "id, title, sku, variant_rank, product_id, created_at, updated_at";
    CATEGORIES = "product_categories": "id, parent_id, name, slug, position, created_at, updated_at, created_by";
    MAPPINGS = "product_category_mappings": "product_id, category_id, position, created_at, updated_at, created_by";
    STOCK = "product_stock": "variant_id, product_id, available, created_at, updated_at, created_by";
    PAGES = "pages": "id, slug, title, description, status, published_at, created_at, updated_at, created_by";
    SECTIONS = "page_content": "id, page_id, section, content, status, created_at, updated_at, created_by";
    POSTS = "blog_posts": "id, slug, title, excerpt, body, author, tags, status, published_at, created_at, updated_at, created_by";
    ENTRIES = "changelog_entries": "id, slug, version, title, body, category, status, published_at, created_at, updated_at, created_by";
    TEMPLATES = "email_templates": "id, name, subject, text, consent, created_at, updated_at, created_by";
    CAMPAIGNS = "waitlist_campaigns": "id, name, template_id, product_id, status, started_at, finished_at, created_at, updated_at, created_by";
    CUSTOMERS = "customers": "id, email, name, phone, locale, preferences, referred_by, tier_id, created_at, updated_at, created_by";
    ORDERS = "orders": "id, customer_id, status, total, currency, note, payment_status, fulfillment_status, refunded_total, paid_at, fulfilled_at, cancelled_at, created_at, updated_at, created_by";
    DEPOSITS = "deposits": "id, order_id, amount, currency, due_date, status, paid_at, created_at, updated_at, created_by";
    QUOTES = "quotes": "id, customer_id, title, amount, currency, status, valid_until, sent_at, decided_at, order_id, created_at, updated_at, created_by";
    ENROLLMENTS = "enrollments": "id, customer_id, product_id, title, status, progress, order_id, enrolled_at, completed_at, expires_at, created_at, updated_at, created_by";
    REVIEWS = "reviews": "id, product_id, customer_id, order_id, rating, title, body, author_name, status, is_verified_purchase, moderated_at, created_at, updated_at, created_by";
    STRIPE_CUSTOMERS = "stripe_customers": "id, customer_id, stripe_customer_id, livemode, created_at, updated_at, created_by";
    SUBSCRIPTIONS = "subscriptions": "id, customer_id, stripe_subscription_id, plan, status, amount, current_period_start, current_period_end, canceled_at, created_at, updated_at, created_by";
    LEDGER = "loyalty_ledger": "id, customer_id, order_id, points, reason, created_at, updated_at, created_by";
    CODES = "referral_codes": "id, customer_id, code, uses, created_at, updated_at, created_by";
    TAGS = "customer_tags": "customer_id, tag, created_at, updated_at, created_by";
    PLACES = "product_waitlist": "id, product_id, customer_id, email, name, status, notified_at, created_at, updated_at, created_by";
    RECIPIENTS = "waitlist_campaign_recipients": "id, campaign_id, waitlist_id, customer_id, email, name, status, sent_at, created_at, updated_at, created_by";
    OPENS = "campaign_opens": "campaign_id, recipient_id, opened_at, is_proxy, created_at, updated_at, created_by";
    CLICKS = "campaign_clicks": "campaign_id, recipient_id, url, clicked_at, created_at, updated_at, created_by";
    SUBSCRIBERS = "subscribers": "id, email, name, customer_id, status, confirmed_at, created_at, updated_at, created_by";
    CONSENTS = "consents": "id, email, customer_id, purpose, decision, source, created_at, updated_at, created_by";
    VIEWS = "page_views": "page_id, visitor, referrer, user_agent, viewed_at, created_at, updated_at, created_by";
}
