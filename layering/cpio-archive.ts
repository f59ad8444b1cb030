/** Archives that the kernel unpacks as an initramfs: cpio in its newc form, root-owned and without times. Pure. */

export interface CpioMember {
  /** Relative to the archive's root; directories stand before what is in them. */
  readonly name: string;
  /** Type and permission bits, as st_mode. */
  readonly mode: number;
  /** Of a regular file its bytes, of a symlink its target; else empty. */
  readonly content: Uint8Array;
  /** Of a device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

const TRAILER = { name: 'TRAILER!!!', mode: 0, content: new Uint8Array(0) };

export function cpioArchive(members: readonly CpioMember[]): Buffer {
  return Buffer.concat([...members, TRAILER].map(memberBytes));
}

/** 110 bytes of header in hexadecimal fields of eight, the name, the content; both padded to four bytes. */
function memberBytes({ name, mode, content, device }: CpioMember): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const numbers = [0, mode, 0, 0, 1, 0, content.length, 0, 0, device?.major ?? 0, device?.minor ?? 0];
  const fields = [...numbers, nameBytes.length, 0].map((field) => field.toString(16).padStart(8, '0'));
  const header = Buffer.from(`070701${fields.join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, nameBytes])), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
