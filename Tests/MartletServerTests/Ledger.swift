// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// A service for tests: three operations, in the three protocols under three names.
struct Ledger: ServiceProvider {
    let model: ServiceModel
    var operations: [Operation] {
        [
            Operation(Self.put) { input, context in
                if input.text == "explode" {
                    throw MartletError(
                        "ledger.disk",
                        "cannot write",
                        cause: MartletError("ledger.io", "the secret cause")
                    )
                }
                if input.text == "forbid" { throw LedgerClosed("The ledger is closed.") }
                return Output(
                    text: input.text,
                    account: context.scope.account.text,
                    region: context.scope.region.name,
                    caller: context.principal.arn.description,
                    requestID: context.requestID,
                    endpoint: context.endpoint.description
                )
            },
            Operation(Self.wait) { input, _ in
                await Gate.shared.arrive(input.text)
                return Output(text: input.text)
            },
        ]
    }

    static let put = OperationDescriptor<Input, Output>(
        "Put",
        path: "/2020-01-01/entries",
        action: "ledger:Put",
        resultWrapper: "PutResult",
        errors: [LedgerClosed.self]
    )
    static let wait = OperationDescriptor<Input, Output>(
        "Wait",
        path: "/2020-01-01/wait",
        action: "ledger:Wait",
        resultWrapper: "WaitResult"
    )

    /// One service a protocol: `rest`, `target` and `form`.
    static let rest = Ledger(.restJSON, "rest")
    static let target = Ledger(.json11, "target")
    static let form = Ledger(.query, "form")
    static let all = [rest, target, form]

    private init(_ wire: WireProtocol, _ name: String) {
        model = ServiceModel(
            name: name,
            signingName: name,
            apiVersion: "2020-01-01",
            targetPrefix: wire == .json11 ? "Ledger_2020" : nil,
            xmlNamespace: "https://ledger.example/doc/",
            protocols: [wire],
            endpointPrefix: name,
            actionPrefix: name,
            unimplemented: [UnimplementedOperation("Audit", "GET", "/2020-01-01/audit")]
        )
    }

    struct Input: Shape {
        static let shapeName = "PutRequest"
        var text = ""

        init() {}
        init(_ text: String) { self.text = text }

        mutating func code(_ c: any ShapeCoder) throws {
            try c.string(&text, Field("Text", .required))
        }
    }

    struct Output: Shape {
        static let shapeName = "PutResponse"
        var text: String?
        var account: String?
        var region: String?
        var caller: String?
        var requestID: String?
        var endpoint: String?

        init() {}
        init(
            text: String,
            account: String? = nil,
            region: String? = nil,
            caller: String? = nil,
            requestID: String? = nil,
            endpoint: String? = nil
        ) {
            self.text = text
            self.account = account
            self.region = region
            self.caller = caller
            self.requestID = requestID
            self.endpoint = endpoint
        }

        mutating func code(_ c: any ShapeCoder) throws {
            try c.string(&text, Field("Text"))
            try c.string(&account, Field("Account"))
            try c.string(&region, Field("Region"))
            try c.string(&caller, Field("Caller"))
            try c.string(&requestID, Field("RequestId"))
            try c.string(&endpoint, Field("Endpoint"))
        }
    }

    struct LedgerClosed: ModelledError {
        static let shapeName = "LedgerClosed"
        static let errorCode = "LedgerClosed"
        static let status = 409
        static let isSenderFault = true
        var message = ""

        init() {}

        mutating func code(_ c: any ShapeCoder) throws {
            try c.string(&message, Field("message"))
        }
    }
}

/// Holds requests back until a test lets them go.
actor Gate {
    static let shared = Gate()

    private var arrived: Set<String> = []
    private var opened: Set<String> = []
    private var waiting: [String: CheckedContinuation<Void, Never>] = [:]
    private var watchers: [String: CheckedContinuation<Void, Never>] = [:]

    /// Called by the handler.
    func arrive(_ name: String) async {
        arrived.insert(name)
        watchers.removeValue(forKey: name)?.resume()
        if opened.contains(name) { return }
        await withCheckedContinuation { waiting[name] = $0 }
    }

    func untilArrived(_ name: String) async {
        if arrived.contains(name) { return }
        await withCheckedContinuation { watchers[name] = $0 }
    }

    func open(_ name: String) {
        opened.insert(name)
        waiting.removeValue(forKey: name)?.resume()
    }
}
