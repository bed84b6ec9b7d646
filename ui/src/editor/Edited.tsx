// The editor of a workflow as the daemon has it: its draft, the kinds of nodes, its versions beside it.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { get, type Schemas } from '@/api/client';
import { TopLine } from '@/frame/TopLine';
import { More } from '@/pages/workflow/More';
import { Last, Versions } from '@/pages/workflow/Versions';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { useCatalogue } from './catalogue';
import Editor from './Editor';
import { leaving } from './keeping';

export default function Edited({ shown, acts }: { shown: Schemas['Workflow']; acts: ReactNode }) {
  const catalogue = useCatalogue();
  // Read once: from then on the editor knows what is drawn, and hears by its edition if somebody else wrote.
  const draft = useQuery({
    queryKey: ['draft', shown.id],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    queryFn: async () => {
      await leaving.get(shown.id);
      return get('/api/v1/workflows/{workflow}/draft', { params: { path: { workflow: shown.id } } });
    },
  });
  const [version, setVersion] = useState<number>();
  const from = { label: 'Workflows', to: '/workflows' };
  const fault = draft.error ?? catalogue.error;
  // What is drawn stays, though it could not be read once more.
  if (fault && !(draft.data && catalogue.data))
    return (
      <>
        <TopLine title={shown.name} from={from} />
        <div className="page">
          <ProblemNote fault={fault} retry={() => (draft.error ? draft : catalogue).refetch()} />
        </div>
      </>
    );
  if (!draft.data || !catalogue.data)
    return (
      <>
        <TopLine title={shown.name} from={from} />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  return (
    <Editor draft={draft.data} shown={shown} catalogue={catalogue.data} acts={acts} version={version} leave={() => setVersion(undefined)}>
      {shown.description && <p className="aside-part">{shown.description}</p>}
      <Versions shown={shown} version={version} choose={setVersion} />
      <Last id={shown.id} />
      <More shown={shown} />
    </Editor>
  );
}
