// What is set, who may come in, which secrets there are; and how the studio looks in this browser.
import { useMantineColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useContext } from 'react';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { SessionContext, useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { ownZone, useZone } from '@/parts/time';
import { ApiKeys } from './ApiKeys';
import { Secrets } from './Secrets';
import { Sessions } from './Sessions';
import './settings.css';

export default function SettingsPage() {
  const isAdmin = useMay('admin');
  const mayKeep = useMay('secrets');
  return (
    <>
      <TopLine title="Settings" />
      <div className="page narrow">
        <div className="stack">
          <Own />
          {mayKeep && <Secrets />}
          {isAdmin && <ApiKeys />}
          {isAdmin && <Sessions />}
          {isAdmin && <Holding />}
        </div>
      </div>
    </>
  );
}

function Own() {
  const session = useContext(SessionContext);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { zone, set } = useZone();
  const zones = Intl.supportedValuesOf('timeZone');
  return (
    <Panel title="You">
      <dl className="facts is-centred">
        <dt>Signed in as</dt>
        <dd>
          {session?.who} <span className="quiet">· may {session?.scopes.join(', ')}</span>
        </dd>
        <dt>Theme</dt>
        <dd>
          <div className="tabs" role="group" aria-label="Theme">
            {(['light', 'dark', 'auto'] as const).map((one) => (
              <button key={one} type="button" aria-pressed={colorScheme === one} onClick={() => setColorScheme(one)}>
                {{ light: 'Light', dark: 'Dark', auto: 'As the system' }[one]}
              </button>
            ))}
          </div>
        </dd>
        <dt>Times are in</dt>
        <dd>
          <select className="field" aria-label="Time zone" value={zone ?? ''} onChange={(event) => set(event.currentTarget.value || null)}>
            <option value="">This browser’s zone ({ownZone()})</option>
            {zones.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </dd>
      </dl>
    </Panel>
  );
}

/** `{a: {b: 1}}` as `a.b: 1`. */
export function flat(value: unknown, under = ''): [string, string][] {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, inner]) => flat(inner, under ? `${under}.${name}` : name));
  }
  const said = value === null ? '–' : Array.isArray(value) ? value.join(', ') || '–' : String(value);
  return under ? [[under, said]] : [];
}

function Holding() {
  const found = useQuery({ queryKey: keys.settings, queryFn: () => get('/api/v1/settings') });
  return (
    <Panel title="The daemon’s settings" aside={<span className="quiet small">from its file and its environment</span>}>
      {found.error ? (
        <ProblemNote fault={found.error} />
      ) : !found.data ? (
        <Skeletons count={4} height={28} />
      ) : (
        <dl className="facts is-settings">
          {flat(found.data.settings).map(([name, value]) => [
            <dt key={name}>
              <code>{name}</code>
            </dt>,
            <dd key={`${name}=`} className={value === '–' ? 'quiet' : undefined}>
              {value}
            </dd>,
          ])}
        </dl>
      )}
    </Panel>
  );
}
