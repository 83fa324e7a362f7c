// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where things are: the repository, the built binary, the Python environment.
enum Places {
    /// Three folders up from this file's.
    static let repository = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    static let scripts = "\(repository)/Tests/EndToEnd"
    static let python = "\(repository)/.venv/bin/python"

    /// The binary of the same build: it lies beside the test bundle.
    static let binary: String = {
        guard let real = realpath("/proc/self/exe", nil) else { return "\(repository)/.build/debug/martlet" }
        defer { free(real) }
        // Run by a helper of the toolchain, the bundle is the first argument.
        let candidates = [String(cString: real)] + CommandLine.arguments
        let folders = candidates.map {
            $0.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        }
        return folders.map { "\($0)/martlet" }.first { access($0, X_OK) == 0 } ?? "\(repository)/.build/debug/martlet"
    }()

    /// Only what a program needs, so that a developer's settings cannot change a test.
    static func environment(_ more: [String: String]) -> [String: String] {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return ["PATH": path, "LANG": "C.UTF-8"].merging(more) { _, own in own }
    }

    static func text(of file: String) -> String {
        guard let stream = fopen(file, "r") else { return "" }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
