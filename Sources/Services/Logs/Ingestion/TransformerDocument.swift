// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A list of processors as JSON: what the store keeps of a transformer, and what an account's transformer policy is.
enum TransformerDocument {
    static let maximumLength = 51_200

    static func text(_ processors: [Processor]) throws -> String {
        var input = PutTransformerInput()
        input.transformerConfig = processors
        let whole = try JSONValue(parsing: ShapeDocument.text(of: input))
        return (whole["transformerConfig"] ?? .array([])).compactText
    }

    /// Throws `InvalidParameterException` for a document that no transformer is in.
    static func read(_ document: String) throws -> [Processor] {
        guard document.utf8.count <= maximumLength, let list = try? JSONValue(parsing: document), case .array = list
        else {
            throw InvalidParameterException("The transformer policy document must be a JSON array of processors.")
        }
        let whole = JSONValue.object([.init("logGroupIdentifier", .string("-")), .init("transformerConfig", list)])
        do {
            return try ShapeDocument.read(PutTransformerInput.self, from: whole.compactText, of: .logs)
                .transformerConfig
        } catch let error as any ServiceError {
            throw InvalidParameterException(error.message)
        } catch {
            throw InvalidParameterException("The transformer policy document is not valid.")
        }
    }
}
