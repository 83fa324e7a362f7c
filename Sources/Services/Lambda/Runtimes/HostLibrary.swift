// SPDX-License-Identifier: Apache-2.0

/// The library that an interpreter of the host brings. Distributions compile it when they install it; some container images
/// leave that out to be smaller, and each start would compile what it imports.
enum HostLibrary {
    /// Large, and no part of a function.
    static let skipped = [
        "site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip", "turtledemo", "tkinter",
    ]

    /// The library's directory when it has sources and no compiled files; else nil.
    static func uncompiled(of interpreter: Interpreter) -> String? {
        let directory = HostPath(interpreter.path).parent.parent.appending("lib/python\(interpreter.version)")
        let mark = interpreter.version.split(separator: ".").joined()
        guard directory.appending("os.py").exists,
            !directory.appending("__pycache__/os.cpython-\(mark).pyc").exists
        else { return nil }
        return directory.description
    }
}
