// The names of secrets. What they are goes in, and never comes out.
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { get, put, remove } from '@/api/client';
import { keys } from '@/api/keys';
import { Confirm } from '@/parts/Confirm';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { When } from '@/parts/When';

export function Secrets() {
  const client = useQueryClient();
  const found = useQuery({ queryKey: keys.secrets, queryFn: () => get('/api/v1/secrets', { params: { query: { limit: 200 } } }) });
  const [name, setName] = useState('');
  const [value, setValue] = useState('');
  const store = useMutation({
    mutationFn: () => put('/api/v1/secrets/{name}', { params: { path: { name } }, body: { value } }),
    onSuccess: () => {
      setName('');
      setValue('');
      return client.invalidateQueries({ queryKey: keys.secrets });
    },
  });
  const drop = (gone: string) => async () => {
    await remove('/api/v1/secrets/{name}', { params: { path: { name: gone } } });
    await client.invalidateQueries({ queryKey: keys.secrets });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    store.mutate();
  };
  return (
    <Panel title="Secrets" aside={<span className="quiet small">for requests to others; never shown again</span>} flush>
      {found.error && (
        <div className="panel-body">
          <ProblemNote fault={found.error} />
        </div>
      )}
      {found.data && found.data.items.length > 0 && (
        <ul className="plain-list">
          {found.data.items.map((one) => (
            <li key={one.name}>
              <code className="grow truncate">{one.name}</code>
              <span className="quiet small">
                {one.last_used_at ? (
                  <>
                    used <When at={one.last_used_at} />
                  </>
                ) : (
                  'never used'
                )}
              </span>
              <Confirm
                label="Remove"
                does="Remove 1 secret"
                danger
                says={`Requests that use ${one.name} fail from then on.`}
                act={drop(one.name)}
              />
            </li>
          ))}
        </ul>
      )}
      <form className="panel-body form-row" onSubmit={submit}>
        <label className="field">
          <span className="sr-only">Name</span>
          <input required placeholder="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} spellCheck={false} />
        </label>
        <label className="field grow">
          <span className="sr-only">Value</span>
          <input
            required
            type="password"
            autoComplete="new-password"
            placeholder="Value"
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <Button type="submit" variant="default" loading={store.isPending} disabled={!name || !value}>
          Store
        </Button>
      </form>
      {store.error && (
        <div className="panel-body">
          <ProblemNote fault={store.error} />
        </div>
      )}
    </Panel>
  );
}
