// Who is not signed in: how one does that.
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { problemOf } from '@/api/problem';
import { refreshAll } from '@/api/live';
import { keys } from '@/api/keys';
import { Copyable } from '@/parts/Copyable';
import { ProblemNote } from '@/parts/ProblemNote';
import './sign-in.css';

async function begin(token: string) {
  const answer = await fetch('/api/v1/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } }).catch(
    (fault: unknown) => {
      throw problemOf(fault);
    },
  );
  if (!answer.ok) throw problemOf(await answer.json().catch(() => undefined), answer.status);
}

export function SignIn() {
  const client = useQueryClient();
  const [token, setToken] = useState('');
  const [state, setState] = useState<{ isBusy: boolean; fault?: unknown }>({ isBusy: false });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setState({ isBusy: true });
    try {
      await begin(token.trim());
      await client.invalidateQueries({ queryKey: keys.session });
      await refreshAll(client);
    } catch (fault) {
      setState({ isBusy: false, fault });
    }
  };
  return (
    <main className="sign-in">
      <section className="panel">
        <div className="panel-body stack">
          <img src="/favicon.svg" alt="" width={36} height={36} />
          <div>
            <h1>Sign in to thendo</h1>
            <p className="quiet">When something happens in the shop, then do something about it.</p>
          </div>
          <div className="stack tight">
            <h2>With a link</h2>
            <p className="quiet">Where thendo runs, this prints a link that opens once, within 15 minutes:</p>
            <div>
              <Copyable text="thendo link" />
            </div>
            <p className="quiet small">
              <code>thendo up</code> prints one when it has started.
            </p>
          </div>
          <form className="stack tight" onSubmit={submit}>
            <h2>With an admin’s account</h2>
            <label className="stack tight">
              <span className="quiet">The access token of your Supabase account. It must be an admin of the shop.</span>
              <span className="field">
                <input
                  type="password"
                  autoComplete="off"
                  spellCheck={false}
                  required
                  value={token}
                  onChange={(event) => setToken(event.currentTarget.value)}
                  placeholder="eyJ…"
                />
              </span>
            </label>
            {state.fault !== undefined && <ProblemNote fault={state.fault} />}
            <Button type="submit" loading={state.isBusy} disabled={!token.trim()}>
              Sign in
            </Button>
          </form>
        </div>
      </section>
      <p className="quiet small">
        <a className="link" href="/status">
          How things are
        </a>
        , without signing in
      </p>
    </main>
  );
}
