// Starts a workflow that waits for somebody to do so: asks what the version in force asks for, and shows what came of it.
import { Checkbox, NumberInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { post, type Schemas } from '@/api/client';
import { kindName } from '@/editor/catalogue';
import { configOf, nodesOf, type Raw } from '@/editor/model';
import { useMay } from '@/frame/session';
import { words } from '@/graph/drawing';
import { Confirm } from '@/parts/Confirm';
import { useVersion } from './Versions';

interface Asked {
  name: string;
  label?: string | null;
  type?: 'text' | 'number' | 'boolean' | 'date';
  required?: boolean;
}
type Given = Record<string, string | number | boolean>;
/** Of one try: asked again after a lost answer, it is not started again. */
const newKey = () => `${Date.now()}-${Math.random()}`;

/** What is asked of who starts it; undefined where nobody starts it by hand. */
export function askedBy(definition: unknown): Asked[] | undefined {
  const trigger = nodesOf((definition ?? {}) as Raw).find((node) => kindName(node) === 'manual');
  return trigger && ((configOf(trigger) as { input?: Asked[] }).input ?? []);
}

export function Start({ shown }: { shown: Schemas['Workflow'] }) {
  const may = useMay('operate');
  const [, go] = useLocation();
  const inForce = useVersion(shown.id, shown.live_version ?? undefined);
  const [given, setGiven] = useState<Given>({});
  const [key, setKey] = useState(newKey);
  const asked = askedBy(inForce.data?.definition);
  if (!may || !asked || shown.status !== 'published') return null;
  const isMissing = asked.some((one) => one.required && one.type !== 'boolean' && (given[one.name] ?? '') === '');
  const give = (next: Given) => {
    setGiven(next);
    setKey(newKey());
  };
  const act = async () => {
    const input = Object.fromEntries(asked.map((one) => [one.name, given[one.name] ?? (one.type === 'boolean' ? false : undefined)]));
    const started = await post('/api/v1/workflows/{workflow}/start', {
      params: { path: { workflow: shown.id } },
      body: { input, key } as never,
    });
    give({});
    go(`/events/${started.event_id}`);
  };
  return (
    <Confirm
      label="Start"
      does="Start it"
      act={act}
      isActDisabled={isMissing}
      says={
        <div className="stack tight">
          <p>It runs once, for real, as v{shown.live_version}.</p>
          {asked.map((one) => (
            <Field key={one.name} asked={one} value={given[one.name]} change={(value) => give({ ...given, [one.name]: value })} />
          ))}
        </div>
      }
    />
  );
}

function Field({ asked, value, change }: { asked: Asked; value: Given[string] | undefined; change: (value: Given[string]) => void }) {
  const label = asked.label ?? words(asked.name);
  const shared = { label, required: asked.required ?? false };
  if (asked.type === 'boolean')
    return <Checkbox label={label} checked={value === true} onChange={(event) => change(event.currentTarget.checked)} />;
  if (asked.type === 'number')
    return <NumberInput {...shared} value={typeof value === 'boolean' ? '' : (value ?? '')} onChange={change} hideControls />;
  return (
    <TextInput
      {...shared}
      type={asked.type === 'date' ? 'date' : 'text'}
      value={String(value ?? '')}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}
