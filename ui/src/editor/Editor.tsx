// The editor of one workflow: the canvas in the middle, the palette over it, at the right what is chosen.
import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { ReactFlowProvider, useReactFlow } from '@xyflow/react';
import { type Dispatch, lazy, type ReactNode, type SetStateAction, Suspense, useEffect, useMemo, useState } from 'react';
import type { Schemas } from '@/api/client';
import { TopLine } from '@/frame/TopLine';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { act } from './acts';
import { Banner, Kept } from './Banner';
import { Canvas, fit } from './Canvas';
import type { Catalogue } from './catalogue';
import { useChecking } from './checking';
import { useKeeping } from './keeping';
import { resume } from './leftover';
import { type Panels, useEditorKeys } from './keys';
import { Kinds } from './Kinds';
import { Mend, things } from './Mend';
import { type Draft, EditorContext, newEditor, useDrawing, useEdited, useEditor } from './state';
import { nodesOf } from './model';
import { type TestRunning, useTestRun } from './testrun/running';
import { Resizable } from './Resizable';

const Inspector = lazy(() => import('./inspector/Inspector'));
const TestRun = lazy(() => import('./testrun/TestRun'));
const Publish = lazy(() => import('./publish/Publish'));
const VersionView = lazy(() => import('./versions/VersionView'));

export interface EditorProps {
  draft: Draft;
  shown: Schemas['Workflow'];
  catalogue: Catalogue;
  acts: ReactNode;
  children: ReactNode;
  version: number | undefined;
  leave: () => void;
}

export default function Editor(props: EditorProps) {
  const [editor] = useState(() => resume(newEditor(props.draft), props.draft));
  return (
    <EditorContext.Provider value={editor}>
      <ReactFlowProvider>
        <Whole {...props} />
      </ReactFlowProvider>
    </EditorContext.Provider>
  );
}

type Panel = 'test' | 'publish';

function usePanels(setPanel: Dispatch<SetStateAction<Panel | undefined>>, run: TestRunning): Panels {
  return useMemo(
    () => ({
      testRun: () => setPanel('test'),
      publish: () => setPanel('publish'),
      close: () => {
        let isOpen = false;
        setPanel((before) => {
          isOpen = before !== undefined;
          return undefined;
        });
        run.forget();
        return isOpen;
      },
    }),
    [setPanel, run.forget],
  );
}

function Whole({ shown, catalogue, acts, children, version, leave }: EditorProps) {
  const [panel, setPanel] = useState<Panel>();
  const run = useTestRun();
  const opened = useEdited((state) => state.opened);
  const isDraft = useIsDraft(shown);
  useKeeping();
  useChecking();
  const panels = usePanels(setPanel, run);
  useEditorKeys(panels);
  return (
    <>
      <TopLine
        title={shown.name}
        from={{ label: 'Workflows', to: '/workflows' }}
        state={
          <>
            {shown.status !== 'draft' && <Status status={shown.status} />}
            {isDraft ? <span className="pill is-draft">Draft</span> : <span className="pill">v{shown.live_version}</span>}
            <Kept />
          </>
        }
      >
        {acts}
        <Doing open={setPanel} />
      </TopLine>
      <Banner />
      <div className="with-aside editor">
        {version !== undefined && (
          <Suspense fallback={<div className="version-view" />}>
            <VersionView key={version} shown={shown} catalogue={catalogue} version={version} leave={leave} />
          </Suspense>
        )}
        {version === undefined && (
          <Middle shown={shown} catalogue={catalogue} isDraft={isDraft} isTested={panel === 'test'} run={run} close={panels.close} />
        )}
        <Resizable>
          {opened ? (
            <Suspense
              fallback={
                <div className="page">
                  <Skeletons />
                </div>
              }
            >
              <Inspector key={opened} id={opened} catalogue={catalogue} />
            </Suspense>
          ) : (
            <>
              <Mend catalogue={catalogue} />
              {children}
            </>
          )}
        </Resizable>
      </div>
      {panel === 'publish' && (
        <Suspense fallback={null}>
          <Publish shown={shown} catalogue={catalogue} close={() => setPanel(undefined)} />
        </Suspense>
      )}
    </>
  );
}

/** The two things one does with a draft; where something is to mend, that comes before publishing. */
function Doing({ open }: { open: (panel: Panel) => void }) {
  const editor = useEditor();
  const faults = useEdited((state) => state.diagnostics.filter((one) => one.severity === 'error').length);
  const mend = () => editor.getState().open(editor.getState().diagnostics.find((one) => one.severity === 'error')?.node ?? undefined);
  return (
    <>
      <Button variant="default" onClick={() => open('test')} rightSection={<kbd>t</kbd>}>
        Test run
      </Button>
      {faults > 0 ? (
        <Button onClick={mend}>{things(faults)}</Button>
      ) : (
        <Button onClick={() => open('publish')} rightSection={<kbd>p</kbd>}>
          Publish
        </Button>
      )}
    </>
  );
}

interface MiddleProps {
  shown: Schemas['Workflow'];
  catalogue: Catalogue;
  isDraft: boolean;
  isTested: boolean;
  run: TestRunning;
  close: () => void;
}

/** The canvas with what floats over it; below it the test run. */
function Middle({ shown, catalogue, isDraft, isTested, run, close }: MiddleProps) {
  return (
    <div className="editor-middle">
      <div className={`canvas${isDraft ? ' is-draft' : ''}`}>
        <Canvas catalogue={catalogue} label={`Graph of ${shown.name}`} steps={isTested ? run.steps : undefined} />
        {!isTested && (
          <>
            <Kinds catalogue={catalogue} />
            <Tools />
          </>
        )}
        <FirstNode />
      </div>
      {isTested && (
        <Suspense fallback={null}>
          <TestRun catalogue={catalogue} run={run} close={close} />
        </Suspense>
      )}
    </div>
  );
}

/** Whether what is drawn is in no version, as far as is known before the daemon says so. */
function useIsDraft(shown: Schemas['Workflow']): boolean {
  const isKept = useEdited((state) => state.keeping === 'kept');
  return shown.has_draft || shown.live_version == null || !isKept;
}

function FirstNode() {
  const isEmpty = nodesOf(useDrawing()).length === 0;
  return isEmpty ? <p className="first-node quiet">It begins with a trigger: choose at the left what it listens to.</p> : null;
}

const sign = (children: ReactNode) => (
  <svg
    width="16"
    height="16"
    viewBox="0 0 16 16"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.5"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);
const signs = {
  undo: sign(<path d="M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H7" />),
  redo: sign(<path d="m10 3 3 3-3 3M13 6H6.500a3.500 3.500 0 0 0 0 7H9" />),
  tidy: sign(
    <>
      <rect x="5.500" y="2" width="5" height="3.500" rx="1" />
      <rect x="1.500" y="10.500" width="5" height="3.500" rx="1" />
      <rect x="9.500" y="10.500" width="5" height="3.500" rx="1" />
      <path d="M8 5.500V8M4 10.500V8h8v2.500" />
    </>,
  ),
  note: sign(
    <>
      <path d="M3 3h10v7l-3 3H3z" />
      <path d="M10 13v-3h3" />
    </>,
  ),
  group: sign(
    <>
      <rect x="2" y="2.500" width="12" height="11" rx="2" strokeDasharray="2.500 2" />
      <rect x="5" y="6" width="6" height="4" rx="1" />
    </>,
  ),
  remove: sign(<path d="M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 8.500h6l.5-8.500" />),
};

function Tools() {
  const editor = useEditor();
  const flow = useReactFlow();
  const [canUndo, canRedo, many] = [
    useEdited((state) => state.history.past.length > 0),
    useEdited((state) => state.history.future.length > 0),
    useEdited((state) => state.chosen.size),
  ];
  const [isTidying, setTidying] = useState(false);
  useEffect(() => {
    if (!isTidying) return;
    document.querySelector('.graph.is-edited')?.classList.add('is-tidying');
    const timer = setTimeout(() => {
      setTidying(false);
      document.querySelector('.graph.is-edited')?.classList.remove('is-tidying');
      void flow.fitView({ ...fit, duration: 200 });
    }, 320);
    return () => clearTimeout(timer);
  }, [isTidying, flow]);
  const middle = () => {
    const box = document.querySelector('.graph.is-edited')?.getBoundingClientRect();
    return flow.screenToFlowPosition({ x: (box?.left ?? 0) + (box?.width ?? 0) / 2, y: (box?.top ?? 0) + 60 });
  };
  const tools: [string, ReactNode, () => void, boolean][] = [
    ['Undo (⌘Z)', signs.undo, () => editor.getState().undo(), canUndo],
    ['Redo (⇧⌘Z)', signs.redo, () => editor.getState().redo(), canRedo],
    [
      'Tidy up: lay it out anew',
      signs.tidy,
      () => {
        setTidying(true);
        act.tidy(editor);
      },
      true,
    ],
    ['Add a note', signs.note, () => act.note(editor, middle()), true],
    ['Group what is chosen (⌘G)', signs.group, () => act.group(editor), many > 0],
    ['Delete what is chosen (⌫)', signs.remove, () => act.remove(editor), many > 0],
  ];
  return (
    <div className="tools" role="toolbar" aria-label="Tools">
      {tools.map(([label, drawn, run, isOn]) => (
        <Tooltip key={label} label={label} openDelay={300}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size={30}
            aria-label={label}
            aria-disabled={!isOn}
            data-off={!isOn || undefined}
            onClick={() => isOn && run()}
          >
            {drawn}
          </ActionIcon>
        </Tooltip>
      ))}
    </div>
  );
}
