// What a campaign is to do, as one edits it; and whom it goes to, in words.
import type { Schemas } from '@/api/client';
import { ownZone } from '@/parts/time';
import { beginOf } from '../events/filter';

type Plan = Schemas['CampaignPlan'];
export type Wanted = Schemas['CampaignEdit'];
export type Audience = Schemas['Audience'];
export const PLACES = ['waiting', 'notified', 'converted'] as const;

/** As it is stored, with nothing that says nothing. */
export function wantedOf(name: string, plan: Plan): Wanted {
  const audience = plan.audience as unknown as Audience;
  return {
    name,
    audience: { ...audience, from: audience.from ?? 'customers' },
    limit_to_stock: plan.limit_to_stock,
    rate_per_minute: plan.rate_per_minute,
    ...(plan.template ? { template: plan.template } : {}),
    ...(plan.subject ? { subject: plan.subject } : {}),
    ...(plan.product_id ? { product_id: plan.product_id } : {}),
    ...(plan.variant_id ? { variant_id: plan.variant_id } : {}),
    ...(plan.quiet_hours ? { quiet_hours: plan.quiet_hours as unknown as Schemas['QuietHours'] } : {}),
  };
}

/** Without what is empty: an empty list or text is no condition. */
export function tidy<T>(value: T): T {
  if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).flatMap(([name, inner]) => {
    const tidied = tidy(inner) as unknown;
    const isEmpty =
      tidied === undefined ||
      tidied === null ||
      tidied === '' ||
      (Array.isArray(tidied) && tidied.length === 0) ||
      (typeof tidied === 'object' && !Array.isArray(tidied) && Object.keys(tidied).length === 0);
    return isEmpty ? [] : [[name, tidied]];
  });
  return Object.fromEntries(kept) as T;
}

/** Another place to find people in has other conditions: what does not fit goes. */
export function foundIn(wanted: Wanted, from: Audience['from']): Wanted {
  const { joined_after, joined_before } = wanted.audience;
  const { product_id: _, variant_id: __, ...rest } = wanted;
  return { ...(from === 'waitlist' ? wanted : { ...rest, limit_to_stock: false }), audience: tidy({ from, joined_after, joined_before }) };
}

export const listOf = (typed: string) =>
  typed
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);

/** The day that an instant is in, for a field of days; and back: when that day begins. */
export function dayOf(instant: string | null | undefined, zone: string | null): string {
  return instant
    ? new Intl.DateTimeFormat('en-CA', { timeZone: zone ?? ownZone(), year: 'numeric', month: '2-digit', day: '2-digit' }).format(
        new Date(instant),
      )
    : '';
}
export const instantOf = (day: string, zone: string | null) => (day ? beginOf(day, zone) : undefined);

const WHERE = { customers: 'Customers', subscribers: 'Subscribers who confirmed', waitlist: 'Those on the waitlist' } as const;
const or = (list: readonly string[]) => list.join(' or ');

/** "Customers", "with one of the tags vip". */
export function audienceWords(plan: Pick<Plan, 'audience' | 'product_id' | 'variant_id'>, say: (instant: string) => string): string[] {
  const audience = plan.audience as unknown as Audience;
  const orders = audience.orders;
  const between = (after: string | null | undefined, before: string | null | undefined) =>
    [after && `from ${say(after)} on`, before && `before ${say(before)}`].filter(Boolean).join(' and ');
  const words: (string | 0 | false | null | undefined)[] = [
    WHERE[audience.from] ?? 'Customers',
    plan.product_id && `for the product ${plan.product_id}`,
    plan.variant_id && `for its variant ${plan.variant_id}`,
    audience.status?.length && `who are ${or(audience.status)}`,
    audience.tiers?.length && `in the tier ${or(audience.tiers)}`,
    audience.tags?.length && `with the tag ${or(audience.tags)}`,
    audience.without_tags?.length && `without the tag ${or(audience.without_tags)}`,
    orders &&
      `with ${orders.most != null ? `${orders.least ?? 1} to ${orders.most}` : `at least ${orders.least ?? 1}`} orders ${between(orders.after, orders.before)}`.trim(),
    (audience.joined_after || audience.joined_before) && `who joined ${between(audience.joined_after, audience.joined_before)}`,
  ];
  return words.filter((one): one is string => Boolean(one));
}

export const people = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'person' : 'people'}`;

/** Spans that are drawn: so many at least, or one that has just begun is no line. */
const LEAST = 12;
const MOST = 400;

/** A span for each, those too in which nobody came; no more than can be drawn. */
export function filled(
  course: readonly Schemas['CampaignMoment'][],
  span: number,
  from: number,
  to: number,
): { at: number[]; opens: number[]; clicks: number[] } {
  const by = new Map(course.map((one) => [Math.floor(Date.parse(one.at) / 1000 / span), one]));
  const last = Math.max(Math.floor(to / span), ...by.keys());
  const first = Math.max(Math.min(Math.floor(from / span), last - LEAST + 1, ...by.keys()), last - MOST + 1);
  const slots = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  return {
    at: slots.map((slot) => slot * span),
    opens: slots.map((slot) => by.get(slot)?.opens ?? 0),
    clicks: slots.map((slot) => by.get(slot)?.clicks ?? 0),
  };
}
