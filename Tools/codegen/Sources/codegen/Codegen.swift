// SPDX-License-Identifier: Apache-2.0

/// One run: reads every `service.json` of the repository and its model, then writes the files or compares them.
struct Codegen {
    /// The repository's root.
    let root: String
    /// botocore's `data` directory.
    let data: String
    let version: String

    private var services: String { "\(root)/Sources/Services" }

    func selections() throws -> [Selection] {
        try Files.names(in: services).compactMap { folder in
            let path = "\(services)/\(folder)/service.json"
            guard Files.text(path) != nil else { return nil }
            let file = try ServiceFile(folder: folder, JSON.parse(Files.bytes(path)))
            let model = try JSON.parse(Files.unzipped("\(data)/\(file.model)/service-2.json.gz"))
            return try Selection(file, Model(model))
        }
    }

    /// The text of every file that the generator owns, by path relative to the root.
    func output() throws -> [String: String] {
        let selections = try selections()
        var output: [String: String] = [:]
        for selection in selections {
            for (name, text) in try ServiceGenerator(selection: selection, version: version).files() {
                output["Sources/Services/\(selection.file.folder)/Generated/\(name)"] = text
            }
        }
        let known = Files.names(in: data).filter { !Files.names(in: "\(data)/\($0)").isEmpty }.count
        output["docs/coverage.md"] = Coverage(selections: selections, version: version, knownServices: known).text()
        return output
    }

    /// Paths of files that should be written anew, and of generated ones that no longer belong.
    func differences(_ output: [String: String]) -> (stale: [String], leftover: [String]) {
        let stale = output.filter { Files.text("\(root)/\($0.key)") != $0.value }.keys.sorted()
        let present = Files.names(in: services).flatMap { folder in
            Files.names(in: "\(services)/\(folder)/Generated").map { "Sources/Services/\(folder)/Generated/\($0)" }
        }
        return (stale, present.filter { output[$0] == nil })
    }

    func write() throws -> String {
        let output = try output()
        let (stale, leftover) = differences(output)
        for path in stale { try Files.write(output[path] ?? "", to: "\(root)/\(path)") }
        for path in leftover { try Files.remove("\(root)/\(path)") }
        return "codegen: \(output.count) files, \(stale.count) written, \(leftover.count) removed"
    }

    func check() throws -> String {
        let output = try output()
        let (stale, leftover) = differences(output)
        guard stale.isEmpty, leftover.isEmpty else {
            let list = stale.map { "  differs: \($0)" } + leftover.map { "  does not belong: \($0)" }
            throw Failure(
                "generated files are not current; run scripts/codegen and commit the result\n"
                    + list.joined(separator: "\n")
            )
        }
        return "codegen: \(output.count) files are current"
    }
}
