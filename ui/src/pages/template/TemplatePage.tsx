// One stored mail: what it says, beside it how that looks for somebody real. What is not saved stays in this browser.
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useLocation, useParams } from 'wouter';
import { get, put, remove, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { problemOf } from '@/api/problem';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { Confirm } from '@/parts/Confirm';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { bodyOf, differing, type Edit, editOf, FIELD_WORDS, useKept } from './edits';
import { Parts } from './Parts';
import { PreviewPane, usePreview } from './Preview';
import { Rules } from './Rules';
import './template.css';

const LIST = { label: 'Templates', to: '/templates' };

export default function TemplatePage() {
  const { id = '' } = useParams();
  const found = useQuery({
    queryKey: keys.template(id),
    queryFn: () => get('/api/v1/templates/{template}', { params: { path: { template: id } } }),
  });
  if (found.error && !found.data)
    return (
      <>
        <TopLine title="Template" from={LIST} />
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      </>
    );
  if (!found.data)
    return (
      <>
        <TopLine title="…" from={LIST} />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  return <Editor key={found.data.id} row={found.data} />;
}

function Editor({ row }: { row: Schemas['Template'] }) {
  const id = row.id;
  const client = useQueryClient();
  const [, go] = useLocation();
  const may = useMay('author');
  const kept = useKept((state) => state.kept[id]);
  const { keep, drop } = useKept();
  const stored = editOf(row);
  const edit = kept?.edit ?? stored;
  const changed = differing(stored, edit);
  const isOvertaken = kept !== undefined && kept.edition !== row.edition;
  const preview = usePreview(id, edit);
  const change = (part: Partial<Edit>) => {
    save.reset();
    const next = { ...edit, ...part };
    if (!isOvertaken && differing(stored, next).length === 0) drop(id);
    else keep(id, { edition: kept?.edition ?? row.edition, edit: next, at: new Date().toISOString() });
  };
  const save = useMutation({
    mutationFn: () =>
      put('/api/v1/templates/{template}', {
        params: { path: { template: id }, header: { 'If-Match': `"${row.edition}"` } },
        body: bodyOf(edit),
      }),
    onSuccess: (written) => {
      client.setQueryData(keys.template(id), written);
      drop(id);
      void client.invalidateQueries({ queryKey: keys.templates });
    },
    // Whoever was quicker is read, and the two stand against each other.
    onError: (fault) => {
      if (problemOf(fault).status === 412) void client.invalidateQueries({ queryKey: keys.template(id) });
    },
  });
  const takeAway = async () => {
    await remove('/api/v1/templates/{template}', { params: { path: { template: id } } });
    drop(id);
    await client.invalidateQueries({ queryKey: keys.templates });
    go('/templates');
  };
  const state =
    changed.length > 0 ? (
      <span className="pill is-draft">Not saved</span>
    ) : (
      <Status status={row.is_active ? 'ready' : 'off'} label={row.is_active ? 'active' : 'not active'} />
    );
  return (
    <>
      <TopLine title={row.name} from={LIST} state={state}>
        {may && changed.length === 0 && (
          <Confirm
            label="Remove"
            danger
            does="Remove it for good"
            act={takeAway}
            says="No campaign may name it any more, or it stays. Steps of workflows that name it fail from then on."
          />
        )}
        {may && changed.length > 0 && !isOvertaken && (
          <>
            <Confirm
              label="Throw away"
              danger
              does="Throw my changes away"
              act={async () => drop(id)}
              says={`What was changed here and not saved (${changed.map((field) => FIELD_WORDS[field]).join(', ')}) is gone then.`}
            />
            <Button loading={save.isPending} onClick={() => save.mutate()}>
              Save
            </Button>
          </>
        )}
      </TopLine>
      {isOvertaken && kept && (
        <Overtaken
          mine={kept.edit}
          theirs={stored}
          keepMine={() => keep(id, { ...kept, edition: row.edition })}
          takeTheirs={() => drop(id)}
        />
      )}
      {save.error && problemOf(save.error).status !== 412 && (
        <div className="template-note">
          <ProblemNote fault={save.error} />
        </div>
      )}
      <div className="template-editor">
        <section className="template-written" aria-label="What it says">
          <Parts edit={edit} change={change} preview={preview} isReadOnly={!may} />
          <Rules edit={edit} change={change} isReadOnly={!may} />
        </section>
        <PreviewPane preview={preview} consent={edit.consent} />
      </div>
    </>
  );
}

/** Somebody else saved it meanwhile: nothing is lost until one has chosen. */
function Overtaken({ mine, theirs, keepMine, takeTheirs }: { mine: Edit; theirs: Edit; keepMine: () => void; takeTheirs: () => void }) {
  const fields = differing(mine, theirs);
  const shown = (edit: Edit, field: keyof Edit) => String(edit[field]).slice(0, 2000) || '–';
  return (
    <div className="template-note" role="alert">
      <div className="problem is-clash">
        <span className="mark is-waiting" aria-hidden="true">
          ◐
        </span>
        <div className="grow stack tight">
          <p>
            Somebody else saved this while you were writing. It differs in:{' '}
            {fields.map((field) => FIELD_WORDS[field]).join(', ') || 'nothing'}.
          </p>
          <details>
            <summary className="quiet small">Look at both</summary>
            {fields.map((field) => (
              <div key={field} className="clash">
                <div>
                  <h3>{FIELD_WORDS[field]}, theirs</h3>
                  <pre className="data" tabIndex={0} role="group" aria-label="Theirs">
                    {shown(theirs, field)}
                  </pre>
                </div>
                <div>
                  <h3>{FIELD_WORDS[field]}, yours</h3>
                  <pre className="data" tabIndex={0} role="group" aria-label="Yours">
                    {shown(mine, field)}
                  </pre>
                </div>
              </div>
            ))}
          </details>
          <div className="row">
            <Button variant="default" onClick={takeTheirs}>
              Take theirs
            </Button>
            <Button variant="default" onClick={keepMine}>
              Go on with mine
            </Button>
          </div>
        </div>
      </div>
    </div>
  );
}
