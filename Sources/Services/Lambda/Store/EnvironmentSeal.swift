// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Turns environment variables into sealed bytes and back. A row copied to another function does not open.
struct EnvironmentSeal: Sendable {
    let cipher: any Cipher

    func seal(_ variables: [String: String], of function: String, in scope: Scope) throws -> [UInt8] {
        // Neither names nor values hold a zero byte, and names no `=`: the settings' rules see to that.
        let lines = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return try cipher.seal(Array(lines.joined(separator: "\u{0}").utf8), context: context(function, scope))
    }

    func open(_ sealed: [UInt8], of function: String, in scope: Scope) throws -> [String: String] {
        let plain = try cipher.open(sealed, context: context(function, scope))
        guard !plain.isEmpty else { return [:] }
        var variables: [String: String] = [:]
        for line in plain.split(separator: 0, omittingEmptySubsequences: false) {
            guard let sign = line.firstIndex(of: UInt8(ascii: "=")) else {
                throw MartletError("lambda.environment", "the stored environment of \(function) is damaged")
            }
            let value = line[line.index(after: sign)...]
            variables[String(decoding: line[..<sign], as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return variables
    }

    private func context(_ function: String, _ scope: Scope) -> String {
        "lambda environment \(scope.account)/\(scope.region)/\(function)"
    }
}
