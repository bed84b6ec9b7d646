//! Some customers with everything that is theirs: what is loaded in one transaction.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::base::{self, Campaign, Product};
use super::dice::{Dice, Of};
use super::orders::{self, Order};
use super::people::{Person, person};
use super::{ORDERS_OF_A_SLICE, Plan, theirs, views};
use crate::store::seed::Load;

/// On average; regulars have many, some have none yet.
const ORDERS_OF_A_CUSTOMER: u64 = 5;

/// A customer.
#[derive(Debug)]
pub struct Customer {
    pub id: Uuid,
    pub person: Person,
    /// Since when they are known.
    pub since: DateTime<Utc>,
    /// Whether they have a code to pass on, and how many came with it.
    pub code_uses: Option<i64>,
    /// Who brought them.
    pub referred_by: Option<Uuid>,
}

/// A slice.
#[derive(Debug)]
pub struct Slice<'a> {
    pub plan: &'a Plan,
    pub number: u64,
    pub products: Vec<Product>,
    pub campaigns: Vec<Campaign>,
    pub customers: Vec<Customer>,
    /// By time.
    pub orders: Vec<Order>,
}

impl<'a> Slice<'a> {
    /// Makes it up.
    pub fn of(plan: &'a Plan, number: u64) -> Self {
        let products = base::products(plan);
        let campaigns = base::campaigns(plan, &products);
        let count = (plan.orders - number * ORDERS_OF_A_SLICE).min(ORDERS_OF_A_SLICE);
        let people = usize::try_from((count / ORDERS_OF_A_CUSTOMER).max(1)).unwrap_or(1);
        let mut slice = Self { plan, number, products, campaigns, customers: Vec::new(), orders: Vec::new() };
        slice.orders = (0..count).map(|order| orders::make(&slice, order, people)).collect();
        slice.orders.sort_by_key(|order| (order.created, order.number));
        slice.customers = slice.people(people);
        slice.bring_each_other();
        slice
    }

    /// The id of the n-th row of a kind within the slice.
    pub fn id(&self, of: Of, n: u64) -> Uuid {
        self.plan.id(of, self.place(n))
    }

    /// The dice of the n-th row of a kind within the slice.
    pub fn dice(&self, of: Of, n: u64) -> Dice {
        Dice::of(self.plan.seed, of, self.place(n))
    }

    /// Slices are 2^24 rows of a kind apart.
    fn place(&self, n: u64) -> u64 {
        (self.number << 24) | n
    }

    /// Whether the slice is there is told by this one.
    pub fn first_customer(&self) -> Uuid {
        self.id(Of::Customer, 0)
    }

    /// How many orders it has.
    pub fn orders(&self) -> u64 {
        self.orders.len() as u64
    }

    fn people(&self, count: usize) -> Vec<Customer> {
        let mut first_orders: Vec<Option<DateTime<Utc>>> = vec![None; count];
        for order in &self.orders {
            first_orders[order.customer].get_or_insert(order.created);
        }
        (0..)
            .zip(first_orders)
            .map(|(n, first)| {
                let mut dice = self.dice(Of::Customer, n);
                let somebody = person(self.plan, &mut dice, self.number * 1_000_000 + n);
                let early = dice.between(0, super::DAYS * 24 * 60 - 1);
                let shortly = dice.between(2, 3 * 24 * 60);
                let since = first.map_or_else(
                    || self.plan.begin() + TimeDelta::minutes(early),
                    |first| first - TimeDelta::minutes(shortly),
                );
                let code_uses = dice.chance(15.0).then_some(0);
                Customer {
                    id: self.id(Of::Customer, n),
                    person: somebody,
                    since,
                    code_uses,
                    referred_by: None,
                }
            })
            .collect()
    }

    /// Some came with the code of one who was there before.
    fn bring_each_other(&mut self) {
        let mut dice = self.dice(Of::Code, 0);
        for n in 0..self.customers.len() {
            if !dice.chance(20.0) {
                continue;
            }
            let by = dice.favoured(self.customers.len());
            if self.customers[by].since < self.customers[n].since {
                let id = self.customers[by].id;
                if let Some(uses) = &mut self.customers[by].code_uses {
                    *uses += 1;
                    self.customers[n].referred_by = Some(id);
                }
            }
        }
    }

    /// Its rows, in the order in which keys want them.
    pub fn loads(&self, tiers: &[(Uuid, i64)]) -> Vec<Load> {
        let (ledger, balances) = theirs::ledger(self);
        let mut loads = vec![theirs::customers(self, &balances, tiers)];
        loads.extend(orders::loads(self));
        loads.push(ledger);
        loads.extend(theirs::loads(self));
        loads.extend(theirs::waitlist(self));
        loads.push(views::load(self));
        loads
    }
}
