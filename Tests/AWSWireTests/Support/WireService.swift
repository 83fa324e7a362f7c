import MartletCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

/// A service's model with all of its operations, which do nothing.
struct WireService: Sendable, CustomTestStringConvertible {
    let model: ServiceModel
    let handlers: [Operation]
    let operations: [OperationBinding]

    init(_ model: ServiceModel, _ handlers: [Operation]) {
        self.model = model
        self.handlers = handlers
        self.operations = handlers.map(\.binding)
    }

    var router: ServiceRouter { ServiceRouter(model, operations: handlers) }

    static let all: [WireService] = [.lambda, .iam, .sts, .logs]

    var testDescription: String { model.name }

    func operation(_ name: String) throws -> OperationBinding {
        try #require(operations.first { $0.name == name })
    }
}

func answerEmpty<I: Shape, O: Shape>(_ input: I, _ context: RequestContext) async throws -> O { O() }
