/** What is wrong with `/boot` and the boot links. Pure. */
import type { BootView, EntryView } from '#bootloader/boot-view.ts';

export interface BootProblem {
  /** The file or link, with a leading slash. */
  readonly where: string;
  readonly what: string;
}

/** Empty where every entry of the menu boots as far as files can say. */
export function bootProblems(view: BootView): BootProblem[] {
  if (view.isLoaderOther)
    return [
      { where: '/boot/loader', what: 'it is no symbolic link: move it away, then --repair makes the link' },
    ];
  if (view.bootversion === null)
    return [{ where: '/boot/loader', what: 'it leads neither to loader.0 nor to loader.1' }];
  const links = `/ostree/boot.${view.bootversion}`;
  return [
    ...(view.subbootversion === null && view.entries.length > 0
      ? [{ where: links, what: `it leads neither to ${links}.0 nor to ${links}.1` }]
      : []),
    ...view.entries.flatMap(entryProblems),
  ];
}

function entryProblems({ file, link, deployment, missing, treeError }: EntryView): BootProblem[] {
  const problem = (what: string): BootProblem => ({ where: file, what });
  if (link === null) return [problem('it has no kernel argument ostree=/ostree/boot.N/OS/CHECKSUM/N')];
  return [
    ...(deployment === null
      ? [
          problem(
            `its boot link ${link.stateroot}/${link.bootcsum}/${link.bootserial} leads to no deployment`,
          ),
        ]
      : []),
    ...missing.map((path) => problem(`/${path} is missing, or not as it is in the deployment`)),
    ...(treeError === null ? [] : [problem(treeError)]),
  ];
}
