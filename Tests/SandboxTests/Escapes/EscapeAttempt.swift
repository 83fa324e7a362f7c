// SPDX-License-Identifier: Apache-2.0
import Testing

/// What a hostile function tries, as a Python script. The attempts stand in files by what they attack.
struct EscapeAttempt: Sendable, CustomTestStringConvertible {
    var name: String
    var script: String
    var testDescription: String { name }

    /// It makes system calls by number, and those here are x86-64's.
    var needsOtherNumbers: Bool {
        #if arch(x86_64)
        false
        #else
        script.contains("denied(")
        #endif
    }

    init(_ name: String, _ script: String) {
        self.name = name
        self.script = script
    }

    /// `attempt(f)` prints what `f` returns, if it returns at all. `call` makes a system call and returns it when the
    /// kernel agreed; `denied` demands one of the given error numbers, so that a wrong argument is not taken for a
    /// wall.
    static let prelude = """
        import ctypes, os, platform
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        server = int(os.environ.get('SERVER_PID', '1'))
        secret = os.environ.get('SECRET_DIRECTORY', '/nowhere') + '/secret'
        def attempt(f):
            try: result = f()
            except OSError: return
            if result: print('REACHED', result, flush=True)
        def denied(name, number, arguments, errors):
            if platform.machine() != 'x86_64': return
            ctypes.set_errno(0)
            result = libc.syscall(ctypes.c_long(number), *arguments)
            if result != -1 or ctypes.get_errno() not in errors: print('NOT DENIED', name, result, ctypes.get_errno())
        def exists(*paths): return [p for p in paths if os.path.lexists(p)]
        def writable(*paths):
            done = []
            for p in paths:
                try: os.close(os.open(p, os.O_WRONLY)); done.append(p)
                except OSError: pass
            return done
        def readable(*paths):
            done = []
            for p in paths:
                try:
                    if os.read(os.open(p, os.O_RDONLY), 64): done.append(p)
                except OSError: pass
            return done

        """

    static let all = onFiles + onProcesses + onKernel + onNetworks + onPrivileges
}
