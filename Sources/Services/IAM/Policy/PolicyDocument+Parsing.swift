// SPDX-License-Identifier: Apache-2.0
import AWSWire

extension PolicyDocument {
    /// Reads a document. Throws `PolicyFault` with IAM's words; nothing that a client writes can do more.
    init(parsing text: String, as purpose: Purpose) throws {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: text)
        } catch {
            throw purpose == .trust ? PolicyFault.invalidJSON : PolicyFault.syntax
        }
        self = try PolicyCompiler(purpose: purpose).compile(RawPolicy(json))
    }
}
