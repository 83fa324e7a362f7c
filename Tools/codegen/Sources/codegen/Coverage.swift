// SPDX-License-Identifier: Apache-2.0

/// The text of docs/coverage.md: every operation of every model that Martlet has a part of.
struct Coverage {
    let selections: [Selection]
    let version: String
    /// How many services botocore describes.
    let knownServices: Int

    func text() -> String {
        var lines = [
            "# Coverage", "",
            "Printed by `scripts/codegen` from the `service.json` files and the API models of botocore \(version).", "",
        ]
        lines += ["| service | operations | done | |", "|---|---:|---:|---:|"] + selections.map(summary)
        lines += ["", others, ""]
        return lines.joined(separator: "\n") + selections.map(section).joined()
    }

    private var others: String {
        "An operation that is not done answers 501 `NotImplemented` with its name. "
            + "Of the \(knownServices) services that botocore describes, the other \(knownServices - selections.count) are not here at all yet."
    }

    private func summary(_ selection: Selection) -> String {
        let done = selection.operations.count
        let all = done + selection.unimplemented.count
        return
            "| [\(selection.file.folder)](#\(selection.file.folder.lowercased())) | \(all) | \(done) | \(done * 100 / max(all, 1)) % |"
    }

    private func section(_ selection: Selection) -> String {
        let done = Set(selection.operations.map(\.name))
        let rows = selection.model.operations.map { "| \($0.name) | \(done.contains($0.name) ? "yes" : "–") |\n" }
            .joined()
        return
            "\n## \(selection.file.folder)\n\nModel `\(selection.file.model)`.\n\n| operation | done |\n|---|---|\n\(rows)"
    }
}
