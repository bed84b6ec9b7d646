// What stands around every page: colours, the store of answers, who is signed in, the frame.
import { MantineProvider } from '@mantine/core';
import { QueryCache, QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from './api/client';
import { keys } from './api/keys';
import { useLive } from './api/live';
import { Problem } from './api/problem';
import { Frame } from './frame/Frame';
import { SignIn } from './pages/sign-in/SignIn';
import { ProblemNote } from './parts/ProblemNote';
import { styleNonce, theme, variables } from './theme';

export function newQueryClient(): QueryClient {
  const client = new QueryClient({
    // Whoever hears first that nobody is signed in any more has that looked at.
    queryCache: new QueryCache({
      onError: (fault, query) => {
        if (isSignedOut(fault) && query.queryKey[0] !== keys.session[0]) void client.invalidateQueries({ queryKey: keys.session });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        retry: (count, fault) => count < 2 && (!(fault instanceof Problem) || fault.isPassing),
      },
    },
  });
  return client;
}

const isSignedOut = (fault: unknown) => fault instanceof Problem && fault.status === 401;

function Session() {
  const session = useQuery({ queryKey: keys.session, queryFn: () => get('/api/v1/session'), staleTime: 60_000 });
  useLive(session.data !== undefined);
  // Who has been signed in before goes on where they were: what is being drawn stays below.
  if (session.data)
    return (
      <>
        <Frame session={session.data} />
        {isSignedOut(session.error) && (
          <div className="signed-out" role="dialog" aria-modal="true" aria-label="You are not signed in any more">
            <SignIn />
          </div>
        )}
      </>
    );
  if (isSignedOut(session.error)) return <SignIn />;
  return session.error ? (
    <main className="page">
      <ProblemNote fault={session.error} retry={() => session.refetch()} />
    </main>
  ) : null;
}

export function App() {
  const [client] = useState(newQueryClient);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <QueryClientProvider client={client}>
        <Session />
      </QueryClientProvider>
    </MantineProvider>
  );
}
