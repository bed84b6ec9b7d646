// To whom a campaign goes: where they are found, and what narrows that.
import { Checkbox, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Panel } from '@/parts/Panel';
import { useZone } from '@/parts/time';
import { type Audience, dayOf, foundIn, instantOf, listOf, PLACES, type Wanted } from './audience';

interface Of {
  wanted: Wanted;
  change: (next: Wanted) => void;
}

export function Conditions({ wanted, change }: Of) {
  const zone = useZone((state) => state.zone);
  const { audience } = wanted;
  const narrow = (part: Partial<Audience>) => change({ ...wanted, audience: { ...audience, ...part } });
  return (
    <Panel title="To whom" aside={<span className="quiet small">all conditions have to hold</span>}>
      <div className="stack">
        <div className="tabs" role="group" aria-label="Where they are found">
          {(['customers', 'subscribers', 'waitlist'] as const).map((from) => (
            <button key={from} type="button" aria-pressed={audience.from === from} onClick={() => change(foundIn(wanted, from))}>
              {{ customers: 'Customers', subscribers: 'Subscribers', waitlist: 'A waitlist' }[from]}
            </button>
          ))}
        </div>
        <div className="conditions">
          {audience.from === 'customers' && <OfCustomers audience={audience} narrow={narrow} zone={zone} />}
          {audience.from === 'waitlist' && <OfWaitlist wanted={wanted} change={change} />}
          <Day
            label="Joined on this day or later"
            value={dayOf(audience.joined_after, zone)}
            set={(day) => narrow({ joined_after: instantOf(day, zone) ?? null })}
          />
          <Day
            label="Joined before this day"
            value={dayOf(audience.joined_before, zone)}
            set={(day) => narrow({ joined_before: instantOf(day, zone) ?? null })}
          />
        </div>
      </div>
    </Panel>
  );
}

function OfCustomers({ audience, narrow, zone }: { audience: Audience; narrow: (part: Partial<Audience>) => void; zone: string | null }) {
  const orders = audience.orders ?? {};
  const ordering = (part: Partial<NonNullable<Audience['orders']>>) => {
    const next = { ...orders, ...part };
    narrow({ orders: Object.values(next).some((value) => value !== null && value !== undefined) ? next : null });
  };
  const number = (typed: string) => (typed === '' ? null : Math.max(0, Math.trunc(Number(typed))));
  return (
    <>
      <Several label="In one of these tiers" value={audience.tiers} set={(tiers) => narrow({ tiers })} />
      <Several label="With one of these tags" value={audience.tags} set={(tags) => narrow({ tags })} />
      <Several label="With none of these tags" value={audience.without_tags} set={(without_tags) => narrow({ without_tags })} />
      <TextInput
        type="number"
        min={0}
        label="Orders, at least"
        value={orders.least ?? ''}
        onChange={(event) => ordering({ least: number(event.currentTarget.value) })}
      />
      <TextInput
        type="number"
        min={0}
        label="Orders, at most"
        value={orders.most ?? ''}
        onChange={(event) => ordering({ most: number(event.currentTarget.value) })}
      />
      <Day
        label="Ordered on this day or later"
        value={dayOf(orders.after, zone)}
        set={(day) => ordering({ after: instantOf(day, zone) ?? null })}
      />
      <Day
        label="Ordered before this day"
        value={dayOf(orders.before, zone)}
        set={(day) => ordering({ before: instantOf(day, zone) ?? null })}
      />
    </>
  );
}

function OfWaitlist({ wanted, change }: Of) {
  const places = wanted.audience.status ?? ['waiting'];
  const place = (one: (typeof PLACES)[number], isOn: boolean) => {
    const next = PLACES.filter((each) => (each === one ? isOn : places.includes(each)));
    change({ ...wanted, audience: { ...wanted.audience, status: next.length === 1 && next[0] === 'waiting' ? null : next } });
  };
  return (
    <>
      <TextInput
        label="Product"
        description="Its id"
        value={wanted.product_id ?? ''}
        maxLength={200}
        onChange={(event) => change({ ...wanted, product_id: event.currentTarget.value })}
      />
      <TextInput
        label="Variant"
        description="Its id; who waits for any is meant, too"
        value={wanted.variant_id ?? ''}
        maxLength={200}
        onChange={(event) => change({ ...wanted, variant_id: event.currentTarget.value })}
      />
      <div className="condition" role="group" aria-label="In which state">
        In which state
        <div className="row places">
          {PLACES.map((one) => (
            <Checkbox
              key={one}
              label={{ waiting: 'wait', notified: 'were told', converted: 'bought' }[one]}
              checked={places.includes(one)}
              onChange={(event) => place(one, event.currentTarget.checked)}
            />
          ))}
        </div>
      </div>
      <div className="condition">
        <span>&nbsp;</span>
        <Checkbox
          label="No more mails than there are pieces"
          checked={wanted.limit_to_stock ?? false}
          onChange={(event) => change({ ...wanted, limit_to_stock: event.currentTarget.checked })}
        />
      </div>
    </>
  );
}

/** Several words, with commas between them as one types. */
function Several({
  label,
  value,
  set,
}: {
  label: string;
  value: readonly string[] | null | undefined;
  set: (value: string[] | null) => void;
}) {
  const [typed, setTyped] = useState((value ?? []).join(', '));
  const known = (value ?? []).join(', ');
  const shown = listOf(typed).join(', ') === known ? typed : known;
  return (
    <TextInput
      label={label}
      placeholder="any"
      value={shown}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        const found = listOf(event.currentTarget.value);
        set(found.length > 0 ? found : null);
      }}
    />
  );
}

function Day({ label, value, set }: { label: string; value: string; set: (day: string) => void }) {
  return (
    <label className="condition">
      {label}
      <input className="field" type="date" value={value} onChange={(event) => set(event.currentTarget.value)} />
    </label>
  );
}
