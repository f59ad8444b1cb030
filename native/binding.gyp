{
  "target_defaults": {
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_CPP_EXCEPTIONS", "_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++20"],
    "cflags_cc": ["-std=gnu++17", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-ffunction-sections", "-fdata-sections"],
    "ldflags": ["-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", "-Wl,-Bsymbolic", "-static-libstdc++", "-static-libgcc", "-s"]
  },
  "targets": [
    {
      "target_name": "syscalls",
      "sources": ["addon/module.cc", "addon/errno.cc", "addon/syscalls-files.cc", "addon/syscalls-names.cc", "addon/syscalls-attributes.cc", "addon/syscalls-locks.cc", "addon/syscalls-process.cc", "addon/syscalls-mounts.cc", "addon/remove-tree.cc", "addon/sha256.cc", "addon/batch.cc", "addon/batch-scan.cc", "addon/batch-read.cc", "addon/batch-store.cc", "addon/batch-populate.cc", "addon/stored-tree.cc", "addon/dirtree-index.cc", "addon/copy-content.cc", "addon/decompress.cc"],
      "libraries": ["-l:libz.a", "-l:liblzma.a", "-l:libzstd.a", "-lpthread"]
    },
    {
      "target_name": "solver",
      "sources": ["addon/solver.cc", "addon/solver-sack.cc", "addon/solver-packages.cc", "addon/solver-details.cc", "addon/solver-goal.cc", "addon/solver-problems.cc", "addon/solver-metadata.cc", "addon/metadata-file.cc", "addon/xml-scanner.cc", "addon/xml-events.cc", "addon/xml-parser.cc", "addon/solver-testcase.cc"],
      "include_dirs": ["vendor/libsolv/include"],
      "libraries": [
        "../vendor/libsolv/libsolvext.a",
        "../vendor/libsolv/libsolv.a",
        "-l:libz.a", "-l:liblzma.a", "-l:libzstd.a", "-lpthread"
      ]
    }
  ]
}
