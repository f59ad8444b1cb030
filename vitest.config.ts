import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        // Beside the code: pure decisions and small effects in temporary folders. Seconds.
        test: {
          name: 'unit',
          include: [
            '{ostree,prepare-root,bootloader,board,layering,native,cli}/**/*.test.ts',
            'test/*.test.ts',
            'test/fuzz/*.test.ts',
            'test/upstream/*.test.ts',
          ],
          testTimeout: 30_000,
        },
      },
      {
        // Against the real peers, with root and namespaces.
        test: {
          name: 'root',
          include: ['test/root/**/*.test.ts', 'test/crash/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: true,
          maxWorkers: 2,
        },
      },
      {
        // Real boots in QEMU under emulation; what they need is made below build/vm and kept.
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          testTimeout: 1_200_000,
          hookTimeout: 1_200_000,
          fileParallelism: true,
          maxWorkers: 2,
        },
      },
    ],
  },
});
