// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SQSService {
    /// Makes a queue, or finds one that has the attributes asked for. AWS: CreateQueue
    func createQueue(_ input: CreateQueueInput, _ context: RequestContext) async throws -> CreateQueueOutput {
        let address = QueueAddress(scope: context.scope, name: try required(input.queueName, "QueueName"))
        let attributes = input.attributes ?? [:]
        let isFIFO = attributes["FifoQueue"] == "true"
        try QueueAddress.check(name: address.name, isFIFO: isFIFO)
        let settings = try QueueSettings(attributes, isFIFO: isFIFO)
        let tags = input.tags ?? [:]
        try Self.check(tags)
        let (now, revision, rest) = (clock.now, newRevision(), configuration.nameRest)
        try await store.write { queues in
            if let queue = try queues.rows.queue(address) { return try Self.expect(attributes, of: queue) }
            if let deletedAt = try queues.rows.deletedAt(address), now - deletedAt < rest {
                throw QueueDeletedRecently(
                    "You must wait 60 seconds after deleting a queue before you can create another with the same name."
                )
            }
            try Self.checkRedrive(of: address, settings, queues.rows)
            try queues.insertQueue(address, settings, revision: revision, at: now)
            guard !tags.isEmpty else { return }
            let queue = try queues.rows.requireQueue(address)
            for (key, value) in tags { try queues.setTag(key, value, of: queue.id) }
        }
        return CreateQueueOutput(queueUrl: address.url(at: context.endpoint))
    }

    private static func expect(_ attributes: [String: String], of queue: Queue) throws {
        if let name = queue.settings.difference(from: attributes) {
            throw QueueNameExists(
                "A queue already exists with the same name and a different value for attribute \(name)"
            )
        }
    }

    /// The dead-letter queue must be there, be of the same kind, and allow it.
    static func checkRedrive(of source: QueueAddress, _ settings: QueueSettings, _ rows: QueueRows) throws {
        guard let redrive = settings.redrive else { return }
        func fault(_ reason: String) -> InvalidParameterValueException {
            .value(settings.attributes["RedrivePolicy"] ?? "", of: "RedrivePolicy", reason)
        }
        guard redrive.target.scope == source.scope, let target = try rows.queue(redrive.target) else {
            throw fault("Dead letter target does not exist.")
        }
        guard target.isFIFO == settings.isFIFO else {
            throw fault("Dead-letter queue must be same type of queue as the source.")
        }
        guard target.settings.redriveAllow?.allows(source) ?? true else {
            throw fault("Queue \(redrive.target.arn) does not allow \(source.arn) to use it as a dead-letter queue.")
        }
    }

    /// AWS: GetQueueUrl
    func getQueueUrl(_ input: GetQueueUrlInput, _ context: RequestContext) async throws -> GetQueueUrlOutput {
        let name = try required(input.queueName, "QueueName")
        var scope = context.scope
        if let owner = input.queueOwnerAWSAccountId {
            guard let account = AccountID(owner) else {
                throw InvalidParameterValueException.value(
                    owner.prefix(64),
                    of: "QueueOwnerAWSAccountId",
                    "It must be an account's twelve digits."
                )
            }
            scope = Scope(account: account, region: scope.region)
        }
        let address = QueueAddress(scope: scope, name: name)
        _ = try await store.read { try $0.requireQueue(address) }
        return GetQueueUrlOutput(queueUrl: address.url(at: context.endpoint))
    }

    /// The name can be used again after a minute. AWS: DeleteQueue
    func deleteQueue(_ input: DeleteQueueInput, _ context: RequestContext) async throws -> DeleteQueueOutput {
        let address = try address(input.queueUrl, in: context)
        let now = clock.now
        let id = try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            try queues.delete(queue, at: now)
            return queue.id
        }
        waiters.signalAll(id)
        return DeleteQueueOutput()
    }

    /// At once, however much is in the queue. AWS: PurgeQueue
    func purgeQueue(_ input: PurgeQueueInput, _ context: RequestContext) async throws -> PurgeQueueOutput {
        let address = try address(input.queueUrl, in: context)
        let now = clock.now
        try await store.write { queues in
            let queue = try queues.rows.requireQueue(address)
            if let purgedAt = try queues.rows.purgedAt(queue), now - purgedAt < SQSLimits.purgeInterval {
                throw PurgeQueueInProgress(
                    "Only one PurgeQueue operation on \(address.name) is allowed every 60 seconds."
                )
            }
            try queues.purge(queue, at: now)
        }
        return PurgeQueueOutput()
    }
}

// Lists.
extension SQSService {
    /// AWS: ListQueues
    func listQueues(_ input: ListQueuesInput, _ context: RequestContext) async throws -> ListQueuesOutput {
        let page = try Self.page(input.nextToken, input.maxResults)
        let (scope, prefix) = (context.scope, input.queueNamePrefix ?? "")
        let names = try await store.read { queues in
            try queues.queueNames(in: scope, behind: page.behind, prefix: prefix, limit: page.limit + 1)
        }
        let urls = Self.urls(of: names, page, scope, context.endpoint)
        // Without MaxResults there is no token, as in AWS.
        return ListQueuesOutput(
            queueUrls: urls.isEmpty ? nil : urls,
            nextToken: input.maxResults == nil ? nil : page.token(behind: names)
        )
    }

    /// AWS: ListDeadLetterSourceQueues
    func listDeadLetterSourceQueues(
        _ input: ListDeadLetterSourceQueuesInput,
        _ context: RequestContext
    ) async throws -> ListDeadLetterSourceQueuesOutput {
        let address = try address(input.queueUrl, in: context)
        let page = try Self.page(input.nextToken, input.maxResults)
        let names = try await store.read { queues in
            _ = try queues.requireQueue(address)
            return try queues.sourceQueueNames(of: address, behind: page.behind, limit: page.limit + 1)
        }
        return ListDeadLetterSourceQueuesOutput(
            queueUrls: Self.urls(of: names, page, address.scope, context.endpoint),
            nextToken: input.maxResults == nil ? nil : page.token(behind: names)
        )
    }

    private struct Page {
        let behind: String
        let limit: Int

        /// For a list that was read with one more than the limit.
        func token(behind names: [String]) -> String? {
            guard names.count > limit, limit > 0 else { return nil }
            return PageToken.encode([names[limit - 1]])
        }
    }

    private static func page(_ token: String?, _ limit: Int?) throws -> Page {
        if let limit, !(1...SQSLimits.queuesPerPage).contains(limit) {
            throw InvalidParameterValueException.value(
                limit,
                of: "MaxResults",
                "MaxResults must be between 1 and 1000."
            )
        }
        guard let token, !token.isEmpty else { return Page(behind: "", limit: limit ?? SQSLimits.queuesPerPage) }
        guard let keys = PageToken.decode(token, count: 1) else {
            throw InvalidParameterValueException("Invalid or expired NextToken.")
        }
        return Page(behind: keys[0], limit: limit ?? SQSLimits.queuesPerPage)
    }

    private static func urls(of names: [String], _ page: Page, _ scope: Scope, _ endpoint: Endpoint) -> [String] {
        names.prefix(page.limit).map { QueueAddress(scope: scope, name: $0).url(at: endpoint) }
    }
}
