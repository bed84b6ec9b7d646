// What stands around every page: colours, the store of answers, who is signed in, the frame.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from './api/client';
import { keys } from './api/keys';
import { useLive } from './api/live';
import { Problem } from './api/problem';
import { Frame } from './frame/Frame';
import { SignIn } from './pages/sign-in/SignIn';
import { ProblemNote } from './parts/ProblemNote';
import { styleNonce, theme, variables } from './theme';

export function newQueryClient() {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        retry: (count, fault) => count < 2 && (!(fault instanceof Problem) || fault.isPassing),
      },
    },
  });
}

function Session() {
  const session = useQuery({ queryKey: keys.session, queryFn: () => get('/api/v1/session'), staleTime: 60_000 });
  useLive(session.data !== undefined);
  if (session.data) return <Frame session={session.data} />;
  if (session.error instanceof Problem && session.error.status === 401) return <SignIn />;
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
