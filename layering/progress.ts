/** What a long operation tells while it runs; one reporter renders it (`cli/report`). */
export type Stage =
  'metadata' | 'solve' | 'download' | 'import' | 'compose' | 'scripts' | 'commit' | 'checkout' | 'deploy';

export type ProgressEvent =
  /** A stage begins; `text` is for people. */
  | { readonly kind: 'stage'; readonly stage: Stage; readonly text: string }
  /** How far the stage is: bytes or items. `total` is null where it is not known. */
  | {
      readonly kind: 'amount';
      readonly stage: Stage;
      readonly unit: 'bytes' | 'items';
      readonly done: number;
      readonly total: number | null;
      readonly item?: string;
    }
  /** Output of a package's script, as it comes: whole lines. */
  | { readonly kind: 'output'; readonly package: string; readonly script: string; readonly text: string }
  /** The end of a script. */
  | {
      readonly kind: 'script';
      readonly package: string;
      readonly script: string;
      readonly seconds: number;
      /** How it failed, e.g. `exit code 1`; null where all is well. */
      readonly ending: string | null;
      /** All that it said; of very much the last part. */
      readonly output: string;
    }
  | { readonly kind: 'note' | 'warning'; readonly text: string };

export type Progress = (event: ProgressEvent) => void;
