BEGIN TRANSACTION;
CREATE TABLE alarm (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	cloud TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	open BOOLEAN NOT NULL, 
	shows BOOLEAN NOT NULL, 
	body TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	channel TEXT NOT NULL, 
	ts TEXT NOT NULL, 
	shown INTEGER NOT NULL, 
	attempted_at DATETIME, 
	kept_at DATETIME NOT NULL, waits BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT pk_alarm PRIMARY KEY (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	operation_id TEXT, 
	actor TEXT, 
	event TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	prev_hash TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (seq)
);
INSERT INTO "audit" VALUES(1,'2026-11-21 12:00:14.000000','op-1','U0ALICE','requested','{"host":"host-1"}','0000000000000000000000000000000000000000000000000000000000000000','92c22689b80b2918749eb8fb836b3ea544620d5203296f5a714b4e7cf989e131');
INSERT INTO "audit" VALUES(2,'2026-11-21 12:00:21.000000','op-1',NULL,'approval asked for','{"digest":"d1","vouches":["vm-1 is off."]}','92c22689b80b2918749eb8fb836b3ea544620d5203296f5a714b4e7cf989e131','d54c2593c90fe44b9530484f2a2496d7f7cf721bccc881944d63f2e94eead56e');
INSERT INTO "audit" VALUES(3,'2026-11-21 12:00:28.000000','op-1','U0BOB','vouched','{"digest":"d1","host":"host-1","sentence":"vm-1 is off."}','d54c2593c90fe44b9530484f2a2496d7f7cf721bccc881944d63f2e94eead56e','a3d71672a696ae645079cd1f0a5dec09947134e32e761cc0adebf6ffb520ece2');
INSERT INTO "audit" VALUES(4,'2026-11-21 12:00:35.000000','op-1','U0BOB','vote','{"by":"U0BOB","count":1,"digest":"d1","quorum":2,"reason":""}','a3d71672a696ae645079cd1f0a5dec09947134e32e761cc0adebf6ffb520ece2','77c7a168349aa7c4cc3ff0028b7a37b6a73528f041479abd72f3e4d2d4019132');
INSERT INTO "audit" VALUES(5,'2026-11-21 12:00:42.000000','op-1','U0CAROL','approved','{"approved_by":["U0BOB","U0CAROL"],"digest":"d1"}','77c7a168349aa7c4cc3ff0028b7a37b6a73528f041479abd72f3e4d2d4019132','b187ec6fccfc9fc82ad7db8d1576daacadeb1f13d78ce70d82e4ac3d26e2d4f0');
INSERT INTO "audit" VALUES(6,'2026-11-21 12:00:49.000000','op-1',NULL,'reminded: start near','{"ask":["U0ALICE"]}','b187ec6fccfc9fc82ad7db8d1576daacadeb1f13d78ce70d82e4ac3d26e2d4f0','acb16d73dafccf618f15137f0cdb8a7211018b6a62794bd316431e85cf41d387');
INSERT INTO "audit" VALUES(7,'2026-11-21 12:00:56.000000','op-1',NULL,'started','{"digest":"d1"}','acb16d73dafccf618f15137f0cdb8a7211018b6a62794bd316431e85cf41d387','e60b4446917f15848df19ca98808b95fa5d88990068e35cf221afc56f2969ad6');
INSERT INTO "audit" VALUES(8,'2026-11-21 12:01:03.000000','op-1',NULL,'step intent','{"step":"disable","target":"host-1","verb":"disable"}','e60b4446917f15848df19ca98808b95fa5d88990068e35cf221afc56f2969ad6','7e98bd49692cfde2ae68793699217cb5ab356532a87eac8ed87bb8f8ff4ee489');
INSERT INTO "audit" VALUES(9,'2026-11-21 12:01:10.000000','op-1',NULL,'closed','{"moving":"nothing","sentence":"Its window closed at 12:00."}','7e98bd49692cfde2ae68793699217cb5ab356532a87eac8ed87bb8f8ff4ee489','1e00e7e62b475423ee5696704f807e3af3660769a1d82c0723e0fc14fcf4c441');
INSERT INTO "audit" VALUES(10,'2026-11-21 12:01:17.000000','op-1',NULL,'needs attention','{"done":1,"failed":1}','1e00e7e62b475423ee5696704f807e3af3660769a1d82c0723e0fc14fcf4c441','4b1c543455d902989344f7c504df26be55a11939fa7b380e06e77e04a0e119a1');
INSERT INTO "audit" VALUES(11,'2026-11-21 12:01:24.000000','op-1','U0EVE','refused: not allowed','{"sentence":"Not you."}','4b1c543455d902989344f7c504df26be55a11939fa7b380e06e77e04a0e119a1','4c3d55522a8ba8192b540fa06a54ce93bc489fbfebdfdad8294eed64614f917e');
INSERT INTO "audit" VALUES(12,'2026-11-21 12:01:31.000000','op-1','U0ALICE','closed','{"left":["migrate vm-2"]}','4c3d55522a8ba8192b540fa06a54ce93bc489fbfebdfdad8294eed64614f917e','e24af7f50f4a71875518cf02432f65e06e2a3e122e158bf10cb4d3ebbfb1a987');
INSERT INTO "audit" VALUES(13,'2026-11-21 12:01:38.000000','op-1',NULL,'left over','{"seconds":60,"state":"disabled"}','e24af7f50f4a71875518cf02432f65e06e2a3e122e158bf10cb4d3ebbfb1a987','d42c3c12581b16b0ef6e2b38e797c139157fcd12e0d9aca4de8b8c6a415d163e');
INSERT INTO "audit" VALUES(14,'2026-11-21 12:01:45.000000','op-1','U0ALICE','taken over','{"from":"a release of long ago"}','d42c3c12581b16b0ef6e2b38e797c139157fcd12e0d9aca4de8b8c6a415d163e','288f43873f1d2c9ab296a07d56202c06ef220ed2425935640df9edad15cf7f66');
CREATE TABLE audit_head (
	id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	hash TEXT NOT NULL, cut_seq INTEGER DEFAULT 0 NOT NULL, cut_hash TEXT DEFAULT '0000000000000000000000000000000000000000000000000000000000000000' NOT NULL, 
	CONSTRAINT pk_audit_head PRIMARY KEY (id), 
	CONSTRAINT ck_audit_head_only_one CHECK (id = 1)
);
INSERT INTO "audit_head" VALUES(1,14,'288f43873f1d2c9ab296a07d56202c06ef220ed2425935640df9edad15cf7f66',0,'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE card (
	operation_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	ts TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	attempted_at DATETIME, 
	kept_at DATETIME NOT NULL, left_channel TEXT, left_why TEXT, 
	CONSTRAINT pk_card PRIMARY KEY (operation_id), 
	CONSTRAINT fk_card_operation_id FOREIGN KEY(operation_id) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE TABLE card_copy (
	operation_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	person TEXT NOT NULL, 
	ts TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	attempted_at DATETIME, 
	CONSTRAINT pk_card_copy PRIMARY KEY (operation_id, channel), 
	CONSTRAINT fk_card_copy_operation_id FOREIGN KEY(operation_id) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE TABLE inbox (
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	result TEXT, 
	CONSTRAINT pk_inbox PRIMARY KEY ("key")
);
CREATE TABLE leader (
	id INTEGER NOT NULL, 
	owner TEXT, 
	fence INTEGER NOT NULL, 
	lease_until DATETIME, 
	CONSTRAINT pk_leader PRIMARY KEY (id), 
	CONSTRAINT ck_leader_only_one CHECK (id = 1)
);
INSERT INTO "leader" VALUES(1,NULL,0,NULL);
CREATE TABLE operation (
	id TEXT NOT NULL, 
	cloud TEXT NOT NULL, 
	host_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	live BOOLEAN NOT NULL, 
	plan_sha TEXT, 
	approved_plan_sha TEXT, 
	body TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	version INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	lease_owner TEXT, 
	lease_until DATETIME, 
	fence INTEGER NOT NULL, 
	waiting_since DATETIME NOT NULL, not_before DATETIME, shown INTEGER DEFAULT (-1) NOT NULL, ended_at DATETIME, 
	CONSTRAINT pk_operation PRIMARY KEY (id)
);
INSERT INTO "operation" VALUES('op-1','prod','host-1','checking',1,NULL,NULL,'{"approved_at":null,"asked_at":null,"changed_at":"2026-01-01T00:00:01.000000+00:00","channel":"C1","digest":null,"drift":[],"dry_run":false,"ended_at":null,"host":{"area":"","down_since":null,"id":"host-1","in_service":true,"is_down":false,"is_silent":false,"left":"","name":"name of host-1","note":"","state":"","taken_out_by":null,"vms":null},"outcome":"","rechecked_by":null,"request":{"action":"enter","cloud":"prod","host":"host-1","host_name":"name of host-1","is_choice":false,"reason":"","run":"op-1","then":"","to":"","vms":[]},"requested_by":"U1","started_at":null,"starts_at":null,"told":[],"votes":[],"window":null,"words":[],"zone":""}','2026-01-01 00:00:01.000000',NULL,0,1,NULL,NULL,0,'2026-11-21 12:00:07.000000',NULL,-1,NULL);
CREATE TABLE outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	lane TEXT, 
	operation_id TEXT, 
	needs_card BOOLEAN NOT NULL, 
	body TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	waiting BOOLEAN NOT NULL, 
	tries INTEGER NOT NULL, 
	attempted_at DATETIME, 
	ended_at DATETIME, 
	ts TEXT, 
	why TEXT, 
	CONSTRAINT fk_outbox_operation_id FOREIGN KEY(operation_id) REFERENCES operation (id)
);
CREATE TABLE "plan" (
	operation_id TEXT NOT NULL, 
	sha TEXT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_plan PRIMARY KEY (operation_id, sha), 
	CONSTRAINT fk_plan_operation_id FOREIGN KEY(operation_id) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE TABLE probe (
	id INTEGER NOT NULL, 
	written_at DATETIME, 
	CONSTRAINT pk_probe PRIMARY KEY (id), 
	CONSTRAINT ck_probe_only_one CHECK (id = 1)
);
INSERT INTO "probe" VALUES(1,NULL);
CREATE TABLE step (
	operation_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	step TEXT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_step PRIMARY KEY (operation_id, "key"), 
	CONSTRAINT fk_step_operation_id FOREIGN KEY(operation_id) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE INDEX ix_operation_host ON operation (cloud, host_id, created_at);
CREATE INDEX ix_operation_work ON operation (state, waiting_since);
CREATE INDEX ix_operation_created_at ON operation (created_at);
CREATE INDEX ix_inbox_unsettled ON inbox (received_at) WHERE settled_at IS NULL;
CREATE INDEX ix_audit_operation_id ON audit (operation_id, seq);
CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE INDEX ix_operation_behind ON operation (id) WHERE revision > shown;
CREATE INDEX ix_operation_leased ON operation (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX ix_operation_ended_at ON operation (ended_at) WHERE plan_sha IS NOT NULL;
CREATE INDEX ix_inbox_settled_at ON inbox (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX ix_outbox_ended_at ON outbox (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX ix_outbox_operation_id ON outbox (operation_id);
CREATE INDEX ix_operation_live ON operation (created_at, id) WHERE live = 1;
CREATE INDEX ix_outbox_next ON outbox (id) WHERE waiting = 1;
CREATE UNIQUE INDEX one_live_operation_per_host ON operation (cloud, host_id) WHERE live = 1;
CREATE INDEX ix_outbox_waiting ON outbox (lane, id) WHERE waiting = 1;
CREATE UNIQUE INDEX one_open_alarm ON alarm (kind, cloud, subject) WHERE open = 1;
CREATE INDEX ix_alarm_subject ON alarm (kind, subject) WHERE open = 1;
CREATE INDEX ix_alarm_waiting ON alarm (kept_at) WHERE waits = 1;
CREATE INDEX ix_alarm_unshown ON alarm (kept_at) WHERE shows = 1;
CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit WHEN OLD.seq > (SELECT cut_seq FROM audit_head) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
DELETE FROM "sqlite_sequence";
COMMIT;
