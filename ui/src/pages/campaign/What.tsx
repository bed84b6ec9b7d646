// What a campaign sends, and how quickly.
import { TextInput } from '@mantine/core';
import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { Panel } from '@/parts/Panel';
import { ownZone, useZone } from '@/parts/time';
import type { Wanted } from './audience';

export function What({
  wanted,
  change,
  templates,
}: {
  wanted: Wanted;
  change: (next: Wanted) => void;
  templates: readonly Schemas['ListedTemplate'][];
}) {
  const zone = useZone((state) => state.zone);
  const chosen = templates.find((one) => one.name === wanted.template);
  const quiet = wanted.quiet_hours;
  const isKnown = !wanted.template || chosen !== undefined;
  return (
    <Panel
      title="What it sends"
      aside={
        chosen && (
          <Link className="link small" href={`/templates/${chosen.id}`}>
            Look at the mail
          </Link>
        )
      }
    >
      <div className="conditions">
        <TextInput
          label="Name"
          value={wanted.name}
          maxLength={200}
          onChange={(event) => change({ ...wanted, name: event.currentTarget.value })}
        />
        <label className="condition">
          Mail
          <select
            className="field"
            aria-label="Mail"
            value={wanted.template ?? ''}
            onChange={(event) => change({ ...wanted, template: event.currentTarget.value })}
          >
            <option value="">Choose a template…</option>
            {!isKnown && <option value={wanted.template ?? ''}>{wanted.template}</option>}
            {templates.map((one) => (
              <option key={one.id} value={one.name}>
                {one.name}
                {one.is_active ? '' : ' (not active)'}
              </option>
            ))}
          </select>
        </label>
        <TextInput
          label="Subject"
          description="Instead of the template’s own"
          placeholder={chosen?.subject}
          value={wanted.subject ?? ''}
          maxLength={2000}
          onChange={(event) => change({ ...wanted, subject: event.currentTarget.value })}
        />
        <TextInput
          type="number"
          min={1}
          max={600_000}
          label="Mails a minute, at most"
          description="Mail servers don’t like it too quick"
          value={wanted.rate_per_minute ?? 600}
          onChange={(event) => change({ ...wanted, rate_per_minute: Number(event.currentTarget.value) || null })}
        />
        <label className="condition">
          Nothing is sent from
          <input
            className="field"
            type="time"
            value={quiet?.from ?? ''}
            onChange={(event) =>
              change({
                ...wanted,
                quiet_hours: event.currentTarget.value
                  ? { from: event.currentTarget.value, until: quiet?.until ?? '08:00', time_zone: quiet?.time_zone ?? zone ?? ownZone() }
                  : null,
              })
            }
          />
        </label>
        <label className="condition">
          until {quiet?.time_zone && <span className="quiet small">in {quiet.time_zone}</span>}
          <input
            className="field"
            type="time"
            disabled={!quiet}
            value={quiet?.until ?? ''}
            onChange={(event) =>
              quiet && event.currentTarget.value && change({ ...wanted, quiet_hours: { ...quiet, until: event.currentTarget.value } })
            }
          />
        </label>
      </div>
    </Panel>
  );
}
