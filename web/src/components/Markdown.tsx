/** A small reader of Markdown for definition pages: headings, paragraphs, lists, tables, code, emphasis, links. No HTML gets through. */
import { Fragment, type ReactNode } from 'react';

function inline(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|_([^_]+)_|\[([^\]]+)\]\(([^)\s]+)\)/g;
  let last = 0;
  for (const m of text.matchAll(pattern)) {
    if (m[4] !== undefined && /\w/.test(text[m.index - 1] ?? ' ')) continue;
    out.push(text.slice(last, m.index));
    const key = m.index;
    if (m[1] !== undefined) out.push(<code key={key}>{m[1]}</code>);
    else if (m[2] !== undefined) out.push(<strong key={key}>{m[2]}</strong>);
    else if (m[3] !== undefined || m[4] !== undefined) out.push(<em key={key}>{m[3] ?? m[4]}</em>);
    else if (/^(https?:|\/|#)/.test(m[6] ?? '')) out.push(<a key={key} href={m[6]}>{m[5]}</a>);
    else out.push(m[5]);
    last = m.index + m[0].length;
  }
  out.push(text.slice(last));
  return out;
}

/** One line of prose with its code and emphasis. */
export const Inline = ({ text }: { text: string }): ReactNode => inline(text).map((node, k) => <Fragment key={k}>{node}</Fragment>);

const cells = (line: string): string[] => line.replace(/^\s*\||\|\s*$/g, '').split('|').map((c) => c.trim());

export function Markdown({ source }: { source: string }) {
  const lines = source.replace(/\r/g, '').split('\n');
  const out: ReactNode[] = [];
  let i = 0;
  while (i < lines.length) {
    const line = lines[i]!;
    const key = i;
    if (!line.trim()) i++;
    else if (line.startsWith('```')) {
      const code: string[] = [];
      const about = line.slice(3).trim();
      for (i++; i < lines.length && !lines[i]!.startsWith('```'); i++) code.push(lines[i]!);
      i++;
      out.push(
        <figure key={key} className="code">
          {about ? <figcaption>{about}</figcaption> : null}
          <pre tabIndex={0}>{code.join('\n')}</pre>
        </figure>,
      );
    } else if (/^#{1,4} /.test(line)) {
      const level = line.indexOf(' ');
      out.push(level <= 2 ? <h3 key={key}>{inline(line.slice(level + 1))}</h3> : <h4 key={key}>{inline(line.slice(level + 1))}</h4>);
      i++;
    } else if (/^\s*\|/.test(line) && /^\s*\|?[\s:|-]+\|?\s*$/.test(lines[i + 1] ?? '')) {
      const heads = cells(line);
      const body: string[][] = [];
      for (i += 2; i < lines.length && /^\s*\|/.test(lines[i]!); i++) body.push(cells(lines[i]!));
      out.push(
        <div key={key} className="scroll" tabIndex={0}>
          <table className="data">
            <thead><tr>{heads.map((h, k) => <th key={k}>{inline(h)}</th>)}</tr></thead>
            <tbody>{body.map((r, k) => <tr key={k}>{r.map((c, n) => <td key={n}>{inline(c)}</td>)}</tr>)}</tbody>
          </table>
        </div>,
      );
    } else if (/^\s*([-*]|\d+\.) /.test(line)) {
      const ordered = /^\s*\d/.test(line);
      const items: string[] = [];
      for (; i < lines.length && (/^\s*([-*]|\d+\.) /.test(lines[i]!) || /^\s{2,}\S/.test(lines[i]!)); i++) {
        if (/^\s*([-*]|\d+\.) /.test(lines[i]!)) items.push(lines[i]!.replace(/^\s*([-*]|\d+\.) /, ''));
        else items[items.length - 1] += ` ${lines[i]!.trim()}`;
      }
      const list = items.map((item, k) => <li key={k}>{inline(item)}</li>);
      out.push(ordered ? <ol key={key}>{list}</ol> : <ul key={key}>{list}</ul>);
    } else {
      const words: string[] = [];
      for (; i < lines.length && lines[i]!.trim() && !/^(#{1,4} |```|\s*[-*] |\s*\|)/.test(lines[i]!); i++) words.push(lines[i]!.trim());
      if (!words.length) words.push(lines[i++]!);
      out.push(<p key={key}>{inline(words.join(' '))}</p>);
    }
  }
  return <div className="prose">{out.map((node, k) => <Fragment key={k}>{node}</Fragment>)}</div>;
}
