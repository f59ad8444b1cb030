import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import type { Accelerator } from './accelerator.ts';
import { accelerator } from './accelerator.ts';
import { VM_BUILD } from './build-cache.ts';
import type { GuestReport } from './guest-report.ts';
import { parseReport } from './guest-report.ts';
import { padded, type InitramfsPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';

export interface BootRequest {
  /** Names the logs: build/vm/logs/NAME.console and .report. */
  readonly name: string;
  readonly kernel: Kernel;
  readonly initramfs: readonly InitramfsPart[];
  /** A raw image; what the guest writes is thrown away unless `keepWrites`. */
  readonly disk: string;
  readonly keepWrites?: boolean;
  readonly commandLine: string;
  /** Megabytes. */
  readonly memory?: number;
  /** Under emulation the guest's clock counts instructions: how busy the host is tells much less in its times. */
  readonly countInstructions?: boolean;
  /** Ends the boot when the console shows it, where the guest does not power off. */
  readonly until?: RegExp;
  /** Seconds; emulation on a busy machine is slow. */
  readonly limit?: number;
}

export interface BootResult {
  /** What the serial console showed. */
  readonly console: string;
  /** What the guest told on its second port; null where it did not come that far. */
  readonly report: GuestReport | null;
  readonly ended: 'power-off' | 'seen' | 'time limit';
  readonly seconds: number;
}

const LOGS = path.join(VM_BUILD, 'logs');

/** Boots a machine: with KVM where that works, else under emulation. */
export async function boot(request: BootRequest): Promise<BootResult> {
  fs.mkdirSync(LOGS, { recursive: true });
  const file = (kind: string) => path.join(LOGS, `${request.name}.${kind}`);
  fs.writeFileSync(file('initramfs'), Buffer.concat(request.initramfs.map(padded)));
  fs.rmSync(file('report'), { force: true });
  const started = performance.now();
  const files = { initramfs: file('initramfs'), report: file('report') };
  const { program, args } = machine(request, files, await accelerator(request.kernel));
  const { text, ended } = await watch(program, args, request);
  fs.writeFileSync(file('console'), text);
  fs.rmSync(file('initramfs'));
  if (text.includes(NOT_UNPACKED))
    throw new UserError('COMMAND_FAILED', `${request.name}: ${NOT_UNPACKED}, a part of it is not there`);
  const reported = fs.existsSync(file('report')) ? fs.readFileSync(file('report'), 'latin1') : '';
  return {
    console: text,
    report: parseReport(reported) ?? parseReport(text),
    ended,
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * What the guest told.
 * @throws UserError BOOT_FAILED with the end of the console where it did not come to tell
 */
export function reportOf(result: BootResult): GuestReport {
  if (result.report !== null) return result.report;
  const tail = result.console.trimEnd().split('\n').slice(-40).join('\n');
  throw new UserError('COMMAND_FAILED', `the guest did not report (${result.ended}):\n${tail}`);
}

/** The kernel boots on, without the parts that follow. */
const NOT_UNPACKED = 'Initramfs unpacking failed';

interface Files {
  readonly initramfs: string;
  readonly report: string;
}

function machine(
  request: BootRequest,
  files: Files,
  accelerated: Accelerator,
): { program: string; args: string[] } {
  const { kernel } = request;
  const disk = [
    `file=${request.disk}`,
    'format=raw',
    'if=virtio',
    `snapshot=${request.keepWrites === true ? 'off' : 'on'}`,
  ];
  const common = [
    ...acceleration(request, accelerated),
    ...['-m', String(request.memory ?? 512), '-nic', 'none', '-no-reboot'],
    ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-drive', disk.join(',')],
    ...['-kernel', kernel.direct, '-initrd', files.initramfs, '-append', appended(request)],
  ];
  return kernel.architecture === 'amd64'
    ? {
        program: 'qemu-system-x86_64',
        args: [
          '-cpu',
          accelerated === 'kvm' ? 'host' : 'qemu64',
          ...common,
          '-serial',
          `file:${files.report}`,
        ],
      }
    : { program: 'qemu-system-aarch64', args: ['-machine', 'virt', '-cpu', 'cortex-a57', ...common] };
}

/** `shift=1`: an instruction takes two nanoseconds. */
function acceleration({ countInstructions }: BootRequest, accelerated: Accelerator): string[] {
  if (accelerated === 'kvm') return ['-accel', 'kvm'];
  if (countInstructions !== true) return ['-accel', 'tcg,thread=multi'];
  return ['-accel', 'tcg,thread=single', '-icount', 'shift=1'];
}

/** Without `no_timer_check` Linux panics at once where a busy host delays the ticks that it counts at its start. */
function appended({ commandLine, kernel }: BootRequest): string {
  const timer = kernel.architecture === 'amd64' ? ' no_timer_check' : '';
  return `${commandLine} panic=-1${timer}`;
}

async function watch(
  program: string,
  args: readonly string[],
  request: BootRequest,
): Promise<{ text: string; ended: BootResult['ended'] }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let ended: BootResult['ended'] = 'power-off';
    const end = (how: BootResult['ended']) => {
      ended = how;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () => {
        end('time limit');
      },
      (request.limit ?? 400) * 1000,
    );
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (ended === 'power-off' && request.until?.test(text) === true) end('seen');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (cause) => {
      clearTimeout(timer);
      const hint = 'npm run setup installs QEMU (qemu-system-x86, qemu-system-arm)';
      reject(
        new UserError('COMMAND_MISSING', `${program} cannot be started: ${cause.message}`, { hint, cause }),
      );
    });
    child.on('close', () => {
      clearTimeout(timer);
      resolve({ text: text.replaceAll('\r', ''), ended });
    });
  });
}
