// The editor of one workflow: the canvas in the middle, the palette over it, at the right what is chosen.
import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { ReactFlowProvider, useReactFlow } from '@xyflow/react';
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from 'react';
import type { Schemas } from '@/api/client';
import { TopLine } from '@/frame/TopLine';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { act } from './acts';
import { Banner, Kept } from './Banner';
import { Canvas } from './Canvas';
import type { Catalogue } from './catalogue';
import { useChecking } from './checking';
import { useKeeping } from './keeping';
import { useEditorKeys } from './keys';
import { Kinds } from './Kinds';
import { Mend, things } from './Mend';
import { type Draft, EditorContext, newEditor, useDrawing, useEdited, useEditor } from './state';
import { nodesOf } from './model';
import { useTestRun } from './testrun/running';
import { Resizable } from './Resizable';

const Inspector = lazy(() => import('./inspector/Inspector'));
const TestRun = lazy(() => import('./testrun/TestRun'));
const Publish = lazy(() => import('./publish/Publish'));
const VersionView = lazy(() => import('./versions/VersionView'));

export interface EditorProps { draft: Draft; shown: Schemas['Workflow']; catalogue: Catalogue; acts: ReactNode; children: ReactNode; version: number | undefined; leave: () => void }

export default function Editor(props: EditorProps) {
  const [editor] = useState(() => newEditor(props.draft));
  return <EditorContext.Provider value={editor}><ReactFlowProvider><Whole {...props} /></ReactFlowProvider></EditorContext.Provider>;
}

function Whole({ shown, catalogue, acts, children, version, leave }: EditorProps) {
  const editor = useEditor();
  const [panel, setPanel] = useState<'test' | 'publish'>();
  const run = useTestRun();
  const opened = useEdited((state) => state.opened);
  const faults = useEdited((state) => state.diagnostics.filter((one) => one.severity === 'error').length);
  useKeeping();
  useChecking();
  const panels = useMemo(() => ({
    testRun: () => setPanel('test'), publish: () => setPanel('publish'),
    close: () => { let isOpen = false; setPanel((before) => { isOpen = before !== undefined; return undefined; }); run.forget(); return isOpen; },
  }), [run.forget]);
  useEditorKeys(panels);
  const steps = panel === 'test' ? run.steps : undefined;
  return (
    <>
      <TopLine title={shown.name} from={{ label: 'Workflows', to: '/workflows' }} state={<>{shown.status !== 'draft' && <Status status={shown.status} />}<IsDraft shown={shown} /><Kept /></>}>
        {acts}
        <Button variant="default" onClick={() => setPanel('test')} rightSection={<kbd>t</kbd>}>Test run</Button>
        {faults > 0 ? <Button onClick={() => { const one = editor.getState().diagnostics.find((each) => each.severity === 'error'); editor.getState().open(one?.node ?? undefined); }}>{things(faults)}</Button>
          : <Button onClick={() => setPanel('publish')} rightSection={<kbd>p</kbd>}>Publish</Button>}
      </TopLine>
      <Banner />
      <div className="with-aside editor">
        {version !== undefined && <Suspense fallback={<div className="version-view" />}><VersionView key={version} shown={shown} catalogue={catalogue} version={version} leave={leave} /></Suspense>}
        {version === undefined && <div className="editor-middle">
          <div className="canvas is-draft">
            <Canvas catalogue={catalogue} label={`Graph of ${shown.name}`} steps={steps} />
            <Kinds catalogue={catalogue} />
            <Tools />
            <FirstNode />
          </div>
          {panel === 'test' && <Suspense fallback={null}><TestRun catalogue={catalogue} run={run} close={() => { setPanel(undefined); run.forget(); }} /></Suspense>}
        </div>}
        <Resizable>
          {opened ? <Suspense fallback={<div className="page"><Skeletons /></div>}><Inspector key={opened} id={opened} catalogue={catalogue} /></Suspense> : <><Mend catalogue={catalogue} />{children}</>}
        </Resizable>
      </div>
      {panel === 'publish' && <Suspense fallback={null}><Publish shown={shown} catalogue={catalogue} close={() => setPanel(undefined)} /></Suspense>}
    </>
  );
}

function IsDraft({ shown }: { shown: Schemas['Workflow'] }) {
  const hasChanged = useEdited((state) => state.history.past.length > 0 || state.keeping !== 'kept');
  const isDraft = shown.has_draft || shown.live_version == null || hasChanged;
  return isDraft ? <span className="pill is-draft">Draft</span> : <span className="pill">v{shown.live_version}</span>;
}

function FirstNode() {
  const isEmpty = nodesOf(useDrawing()).length === 0;
  return isEmpty ? <p className="first-node quiet">It begins with a trigger: choose at the left what it listens to.</p> : null;
}

function Tools() {
  const editor = useEditor();
  const flow = useReactFlow();
  const [canUndo, canRedo, many] = [useEdited((state) => state.history.past.length > 0), useEdited((state) => state.history.future.length > 0), useEdited((state) => state.chosen.size)];
  const [isTidying, setTidying] = useState(false);
  useEffect(() => {
    if (!isTidying) return;
    document.querySelector('.graph.is-edited')?.classList.add('is-tidying');
    const timer = setTimeout(() => { setTidying(false); document.querySelector('.graph.is-edited')?.classList.remove('is-tidying'); void flow.fitView({ maxZoom: 1, padding: 0.2, duration: 200 }); }, 320);
    return () => clearTimeout(timer);
  }, [isTidying, flow]);
  const middle = () => {
    const box = document.querySelector('.graph.is-edited')?.getBoundingClientRect();
    return flow.screenToFlowPosition({ x: (box?.left ?? 0) + (box?.width ?? 0) / 2, y: (box?.top ?? 0) + 60 });
  };
  const tools: [string, string, () => void, boolean][] = [
    ['Undo (⌘Z)', '↶', () => editor.getState().undo(), canUndo], ['Redo (⇧⌘Z)', '↷', () => editor.getState().redo(), canRedo],
    ['Tidy up: lay it out anew', '⌗', () => { setTidying(true); act.tidy(editor); }, true], ['Add a note', '✎', () => act.note(editor, middle()), true],
    ['Group what is chosen (⌘G)', '▢', () => act.group(editor), many > 0], ['Delete what is chosen', '⌫', () => act.remove(editor), many > 0],
  ];
  return (
    <div className="tools" role="toolbar" aria-label="Tools">
      {tools.map(([label, sign, run, isOn]) => (
        <Tooltip key={label} label={label} openDelay={300}><ActionIcon variant="subtle" color="gray" size={30} aria-label={label} aria-disabled={!isOn} data-off={!isOn || undefined} onClick={() => isOn && run()}>{sign}</ActionIcon></Tooltip>
      ))}
    </div>
  );
}
