// Keys for programs: what each may, when it was used. A new one is shown once.
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { get, post, remove } from '@/api/client';
import { keys } from '@/api/keys';
import { Confirm } from '@/parts/Confirm';
import { Copyable } from '@/parts/Copyable';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { When } from '@/parts/When';

const SCOPES = ['read', 'author', 'operate', 'secrets', 'admin'];

export function ApiKeys() {
  const client = useQueryClient();
  const found = useQuery({ queryKey: keys.apiKeys, queryFn: () => get('/api/v1/keys', { params: { query: { limit: 200 } } }) });
  const [name, setName] = useState('');
  const [scope, setScope] = useState('read');
  const make = useMutation({
    mutationFn: () => post('/api/v1/keys', { body: { name, scopes: [scope] } }),
    onSuccess: () => {
      setName('');
      return client.invalidateQueries({ queryKey: keys.apiKeys });
    },
  });
  const revoke = (id: string) => async () => {
    await remove('/api/v1/keys/{key}', { params: { path: { key: id } } });
    await client.invalidateQueries({ queryKey: keys.apiKeys });
  };
  const made = make.data as { key?: string } | undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Panel title="Keys for programs" flush>
      {found.error && (
        <div className="panel-body">
          <ProblemNote fault={found.error} />
        </div>
      )}
      {found.data && found.data.items.length > 0 && (
        <ul className="plain-list">
          {found.data.items.map((one) => (
            <li key={one.id} className={one.revoked_at ? 'quiet' : undefined}>
              <span className="grow truncate">
                {one.name} <code className="quiet">{one.prefix}…</code>
              </span>
              <span className="quiet small">{one.scopes.join(', ')}</span>
              <span className="quiet small">
                {one.revoked_at ? (
                  'revoked'
                ) : one.last_used_at ? (
                  <>
                    used <When at={one.last_used_at} />
                  </>
                ) : (
                  'never used'
                )}
              </span>
              {!one.revoked_at && (
                <Confirm
                  label="Revoke"
                  does="Revoke 1 key"
                  danger
                  says={`Programs that come with ${one.name} are turned away at once.`}
                  act={revoke(one.id)}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      {made?.key && (
        <div className="panel-body stack tight" role="status">
          <p>This is shown once. Keep it where the program finds it.</p>
          <div>
            <Copyable text={made.key} label="Copy the key" />
          </div>
        </div>
      )}
      <form className="panel-body form-row" onSubmit={submit}>
        <label className="field grow">
          <span className="sr-only">Name of the key</span>
          <input
            required
            maxLength={100}
            placeholder="Name, such as “deploys”"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <select className="field" aria-label="What it may" value={scope} onChange={(event) => setScope(event.currentTarget.value)}>
          {SCOPES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <Button type="submit" variant="default" loading={make.isPending} disabled={!name}>
          Make a key
        </Button>
      </form>
      {make.error && (
        <div className="panel-body">
          <ProblemNote fault={make.error} />
        </div>
      )}
    </Panel>
  );
}
