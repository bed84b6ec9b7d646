// How a mail would look, for what really happened to a customer or for a sample; rendered by the daemon as one types.
import { Checkbox } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { get, post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { Problem, problemOf } from '@/api/problem';
import { words } from '@/graph/drawing';
import { Mail } from '@/parts/Mail';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { relative } from '@/parts/time';
import { bodyOf, type Edit, faultIn } from './edits';

const PAUSE_MS = 250;

export interface Previewing {
  mail: Schemas['RenderedMail'] | undefined;
  problem: Problem | null;
  event: string;
  setEvent: (event: string) => void;
  values: string;
  setValues: (values: string) => void;
  inCampaign: boolean;
  setInCampaign: (inCampaign: boolean) => void;
}

/** `{"code": "A1"}`, or what is wrong with it. */
export function valuesIn(typed: string): Record<string, unknown> | Problem {
  if (!typed.trim()) return {};
  try {
    const read: unknown = JSON.parse(typed);
    if (read !== null && typeof read === 'object' && !Array.isArray(read)) return read as Record<string, unknown>;
  } catch {
    /* Told below. */
  }
  return new Problem(422, { code: 'no-values', detail: 'The values can’t be read.', help: 'Write them as {"code": "A1"}.' });
}

export function usePreview(id: string, edit: Edit): Previewing {
  const [event, setEvent] = useState('');
  const [values, setValues] = useState('');
  const [inCampaign, setInCampaign] = useState(false);
  const [asked] = useDebouncedValue(JSON.stringify({ edit: bodyOf(edit), values }), PAUSE_MS);
  const found = useQuery({
    queryKey: ['template-preview', id, event, inCampaign, asked],
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
    placeholderData: keepPreviousData,
    queryFn: () => {
      const { edit: written, values: typed } = JSON.parse(asked) as { edit: Schemas['TemplateEdit']; values: string };
      const given = valuesIn(typed);
      if (given instanceof Problem) throw given;
      return post('/api/v1/templates/{template}/preview', {
        params: { path: { template: id } },
        body: { edit: written, values: given as Record<string, never>, ...(event ? { event } : {}), in_campaign: inCampaign },
      });
    },
  });
  // What cannot be rendered leaves what was, so that one sees where one was.
  const last = useRef<Schemas['RenderedMail']>(undefined);
  if (found.data) last.current = found.data;
  return {
    mail: found.data ?? last.current,
    problem: found.error ? problemOf(found.error) : null,
    event,
    setEvent,
    values,
    setValues,
    inCampaign,
    setInCampaign,
  };
}

export function PreviewPane({ preview, consent }: { preview: Previewing; consent: Edit['consent'] }) {
  const recent = useQuery({
    queryKey: keys.events({ for: 'preview' }),
    staleTime: 60_000,
    queryFn: () => get('/api/v1/events', { params: { query: { limit: 20 } } }),
  });
  const { mail, problem, event, setEvent, values, setValues, inCampaign, setInCampaign } = preview;
  return (
    <section className="template-preview" aria-label="How it looks">
      <div className="row">
        <label className="row grow">
          <span className="quiet small">Shown for</span>
          <select className="field grow" value={event} onChange={(chosen) => setEvent(chosen.currentTarget.value)}>
            <option value="">A sample: Ada orders for 250.00</option>
            {recent.data?.items.map((one) => (
              <option key={one.id} value={one.id}>
                {words(one.table_name)}, {one.operation.toLowerCase()}, {relative(new Date(one.at), Date.now())}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Checkbox label="As a campaign sends it" checked={inCampaign} onChange={(changed) => setInCampaign(changed.currentTarget.checked)} />
      <details>
        <summary className="quiet small">Values that a workflow gives it</summary>
        <textarea
          className="field values"
          aria-label="Values, as JSON"
          rows={3}
          spellCheck={false}
          placeholder={'{"code": "A1"}'}
          value={values}
          onChange={(typed) => setValues(typed.currentTarget.value)}
        />
      </details>
      {problem && !faultIn(problem) && <ProblemNote fault={problem} />}
      {problem && faultIn(problem) && (
        <p className="quiet small" role="status">
          {mail ? 'As it was before the fault:' : 'It is shown once its fault is mended.'}
        </p>
      )}
      {mail ? (
        <Mail
          to={mail.to ?? null}
          subject={mail.subject}
          html={mail.html ?? null}
          text={mail.text}
          headers={consent === 'marketing' ? [['List-Unsubscribe', 'a link of each recipient’s own']] : []}
        />
      ) : (
        !problem && <Skeletons count={5} />
      )}
    </section>
  );
}
